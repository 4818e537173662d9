import { ansiParts, type AnsiState } from '../text/ansi.ts';

interface LogRowProps {
  number: number;
  text: string;
  /** Characters that are drawn. */
  widest: number;
  state: AnsiState;
  /** What is searched for. */
  mark: string;
  isCurrent: boolean;
  onLink: () => void;
}

export function LogRow({ number, text, widest, state, mark, isCurrent, onLink }: LogRowProps) {
  const shown = text.length > widest ? text.slice(0, widest) : text;
  const { parts } = ansiParts(shown, state);
  return (
    <div class={`log-row ${isCurrent ? 'is-current' : ''}`}>
      <a
        href={`#L${number}`}
        aria-label={`Link to line ${number}`}
        onClick={(event) => {
          event.preventDefault();
          onLink();
        }}
      >
        {number}
      </a>
      <span>
        {parts.map(({ text: part, style }, index) => (
          <span
            key={index}
            class={style.classes.join(' ')}
            style={{ color: style.color ?? '', backgroundColor: style.background ?? '' }}
          >
            <Marked text={part} mark={mark} />
          </span>
        ))}
        {text.length > widest && <i> … {(text.length - widest).toLocaleString('en')} more characters</i>}
      </span>
    </div>
  );
}

function Marked({ text, mark }: { text: string; mark: string }) {
  if (mark === '') return <>{text}</>;
  const low = text.toLowerCase();
  const wanted = mark.toLowerCase();
  const pieces = [];
  let from = 0;
  for (let at = low.indexOf(wanted); at !== -1; at = low.indexOf(wanted, from)) {
    pieces.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
    from = at + wanted.length;
  }
  return (
    <>
      {pieces}
      {text.slice(from)}
    </>
  );
}
