import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RunView } from '../../src/contract/run.ts';
import { download } from '../state/download.ts';
import { useLog } from '../state/log-follow.ts';
import { useLogSearch } from '../state/log-search.ts';
import { go, usePlace, withQuery } from '../state/router.ts';
import { useClient } from '../state/session.ts';
import { useSettled } from '../state/time.ts';
import { failureOf } from '../text/failure.ts';
import { bytes, counted } from '../text/format.ts';
import { LogRow } from './log-row.tsx';

const rowHeight = 18;
/** Rows drawn above and below what can be seen. */
const spare = 20;
/** Browsers draw nothing beyond some 16 million pixels; a longer log scrolls in proportion. */
const tallest = 8_000_000;
/** Characters of a line that are drawn; the download has them all. */
const widest = 5_000;
const typingMs = 150;

/** The log of an attempt: of 200,000 lines only those are drawn that can be seen. */
export function LogView({ run, attempt }: { run: RunView; attempt: number }) {
  const client = useClient();
  const place = usePlace();
  const { lines, revision, state, error } = useLog(run.id, attempt);
  const view = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [seen, setSeen] = useState(400);
  const [follows, setFollows] = useState(run.endedAt === undefined);
  const [text, setText] = useState('');
  const { found, isSearching } = useLogSearch(lines, revision, useSettled(text, typingMs));
  const [current, setCurrent] = useState(0);
  const [problem, setProblem] = useState<unknown>();

  const { count } = lines;
  const full = count * rowHeight;
  const height = Math.min(full, tallest);
  /** Pixels of the whole log for each pixel of the scroll bar. */
  const scale = height <= seen ? 1 : (full - seen) / (height - seen);
  const first = Math.max(0, Math.floor((top * scale) / rowHeight) - spare);
  const last = Math.min(count, Math.ceil((top * scale + seen) / rowHeight) + spare);
  const linked = Number(/^#L(\d+)$/.exec(place.hash)?.[1] ?? 0) - 1;
  const isLinkedThere = linked >= 0 && linked < count;

  function scrollTo(line: number): void {
    if (view.current === null) return;
    setFollows(false);
    view.current.scrollTop = Math.max(0, (line * rowHeight - seen / 3) / scale);
  }

  useLayoutEffect(() => {
    const element = view.current;
    if (element === null) return undefined;
    const measure = new ResizeObserver(() => setSeen(element.clientHeight));
    measure.observe(element);
    return () => measure.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (follows && view.current !== null) view.current.scrollTop = view.current.scrollHeight;
  }, [follows, count]);

  useEffect(() => {
    if (isLinkedThere) scrollTo(linked);
  }, [isLinkedThere, linked]);

  useEffect(() => {
    setCurrent(0);
    if (found[0] !== undefined) scrollTo(found[0]);
  }, [text, found[0]]);

  function step(by: number): void {
    if (found.length === 0) return;
    const next = (current + by + found.length) % found.length;
    setCurrent(next);
    scrollTo(found[next] ?? 0);
  }

  const hit = text === '' ? undefined : found[current];
  return (
    <div class="log">
      <div class="log-tools">
        <form
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            step(1);
          }}
        >
          <input
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || !event.shiftKey) return;
              event.preventDefault();
              step(-1);
            }}
          />
          <button type="button" class="quiet" onClick={() => step(-1)} disabled={found.length === 0}>
            Previous
          </button>
          <button type="submit" class="quiet" disabled={found.length === 0}>
            Next
          </button>
          <span role="status" class="muted">
            {text !== '' &&
              (found.length === 0
                ? isSearching
                  ? 'Searching…'
                  : 'Not found'
                : `${current + 1} of ${found.length.toLocaleString('en')}${isSearching ? '…' : ''}`)}
          </span>
        </form>
        <span class="log-end">
          {run.endedAt === undefined && (
            <label>
              <input type="checkbox" checked={follows} onChange={(event) => setFollows(event.currentTarget.checked)} />{' '}
              Follow
            </label>
          )}
          <button
            type="button"
            class="quiet"
            onClick={() => {
              setProblem(undefined);
              client
                .log(run.id, { attempt })
                .then((answer) => download(answer, `${run.taskName}-${run.id}-${attempt}.log`))
                .catch(setProblem);
            }}
          >
            Download
          </button>
        </span>
      </div>
      {[error, problem].map(
        (each, index) =>
          each !== undefined && (
            <p key={index} class="problem" role="alert">
              {failureOf(each).text}
            </p>
          ),
      )}
      <div
        ref={view}
        class="log-view"
        tabIndex={0}
        role="region"
        aria-label="Log"
        onScroll={(event) => {
          const element = event.currentTarget;
          setTop(element.scrollTop);
          const isAtEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 2 * rowHeight;
          if (!isAtEnd && follows) setFollows(false);
        }}
      >
        {count === 0 && (
          <p class="muted">{state === 'ended' ? 'It has printed nothing.' : 'It has printed nothing yet.'}</p>
        )}
        <div style={{ height: `${height}px`, minWidth: `${Math.min(lines.longest, widest) + 9}ch` }}>
          <div style={{ transform: `translateY(${top + first * rowHeight - top * scale}px)` }}>
            {Array.from({ length: Math.max(0, last - first) }, (_, offset) => {
              const index = first + offset;
              return (
                <LogRow
                  key={index}
                  number={index + 1}
                  text={lines.line(index)}
                  widest={widest}
                  state={lines.stateAt(index)}
                  mark={text}
                  isCurrent={index === hit || index === linked}
                  onLink={() =>
                    go(`${withQuery(place, { attempt: String(attempt) })}#L${index + 1}`, { replace: true })
                  }
                />
              );
            })}
          </div>
        </div>
      </div>
      <p class="log-facts muted">
        {counted(count, 'line')}
        {run.attempts[attempt - 1]?.log !== undefined && `, ${bytes(run.attempts[attempt - 1]?.log?.bytes ?? 0)}`}
        {run.attempts[attempt - 1]?.log?.truncated === true && ', cut off at its cap'}
        {run.attempts[attempt - 1]?.log?.complete === false && ', perhaps not complete: the runner died first'}
      </p>
    </div>
  );
}
