import type { RunState } from '../../contract/run.ts';

type Paint = (text: string) => string;

export interface Style {
  bold: Paint;
  dim: Paint;
  red: Paint;
  green: Paint;
  yellow: Paint;
  cyan: Paint;
}

export interface Stream {
  isTTY?: boolean;
}

const plain: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

const colored: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  cyan: sgr(36, 39),
};

/** Colors where a person looks on and has not asked for none (no-color.org: any value that is not empty). */
export function styleFor(
  stream: Stream,
  environment: Readonly<Record<string, string | undefined>>,
  noColor: boolean,
): Style {
  const asked = noColor || (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return stream.isTTY === true && !asked ? colored : plain;
}

export function paintState(state: RunState, style: Style): string {
  switch (state) {
    case 'queued':
    case 'starting':
      return style.yellow(state);
    case 'running':
      return style.cyan(state);
    case 'succeeded':
      return style.green(state);
    case 'failed':
    case 'timedOut':
    case 'canceled':
    case 'expired':
    case 'lost':
      return style.red(state);
  }
}

const controls = new RegExp(String.raw`[\u0000-\u0009\u000b-\u001f\u007f-\u009f]`, 'gu');

/** Text from elsewhere, with nothing in it that could steer the terminal. Keeps line feeds. */
export function printable(text: string): string {
  return text.replaceAll(controls, (character) => (character === '\t' ? ' ' : '\u{fffd}'));
}

function sgr(on: number, off: number): Paint {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}

function same(text: string): string {
  return text;
}
