import type { RunView } from '../../src/contract/run.ts';
import { duration } from '../text/format.ts';
import { startSentence } from '../text/start-sentence.ts';
import { phaseWord, timelineOf } from '../text/timeline.ts';

const rowHeight = 22;
const barHeight = 14;
const axisHeight = 18;
/** In percent: the shortest bar that can be seen. */
const least = 0.3;

/** Where the time went, one row for each attempt, and in words below. */
export function RunTimeline({ run, now }: { run: RunView; now: number }) {
  const timeline = timelineOf(run, now);
  const { total, attempts } = timeline;
  const height = attempts.length * rowHeight;
  const percent = (ms: number): string => `${((ms / total) * 100).toFixed(3)}%`;
  return (
    <section class="timeline">
      <h2>Where the time went</h2>
      <p>{startSentence(run, timeline)}</p>
      <svg width="100%" height={height + axisHeight} aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((share) => (
          <g key={share} class="axis">
            <line x1={percent(share * total)} x2={percent(share * total)} y1="0" y2={height} />
            <text
              x={percent(share * total)}
              y={height + axisHeight - 5}
              text-anchor={share === 0 ? 'start' : share === 1 ? 'end' : 'middle'}
              class={share === 0.25 || share === 0.75 ? 'wide' : ''}
            >
              {duration(share * total)}
            </text>
          </g>
        ))}
        {attempts.map(({ number, segments }, row) =>
          segments.map(({ phase, from, to }) => (
            <rect
              key={`${number} ${phase}`}
              class={`phase-${phase}`}
              x={percent(from)}
              y={row * rowHeight + (rowHeight - barHeight) / 2}
              width={`${Math.max(((to - from) / total) * 100, least).toFixed(3)}%`}
              height={barHeight}
            />
          )),
        )}
      </svg>
      <ul class="phases">
        {attempts.map(({ number, segments }) => (
          <li key={number}>
            {attempts.length > 1 && <strong>Attempt {number}</strong>}
            {segments.map(({ phase, from, to }) => (
              <span key={phase}>
                <i class={`phase-${phase}`} />
                {phaseWord(phase, run.attempts.find((each) => each.number === number)?.platform)} {duration(to - from)}
              </span>
            ))}
            <AttemptEnd attempt={run.attempts.find((each) => each.number === number)} alone={attempts.length === 1} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function AttemptEnd({ attempt, alone }: { attempt: RunView['attempts'][number] | undefined; alone: boolean }) {
  if (alone || attempt?.message === undefined) return null;
  return <span class="muted">{attempt.message}</span>;
}
