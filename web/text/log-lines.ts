import { plainState, stateAfter, type AnsiState } from './ansi.ts';

/** The lines of a log as they come. */
export interface LogLines {
  append(text: string): void;
  readonly count: number;
  /** Characters of the longest line. */
  readonly longest: number;
  /** As a terminal would show it: what was written over is gone. */
  line(index: number): string;
  /** How the line looks where it begins. */
  stateAt(index: number): AnsiState;
}

export function logLines(): LogLines {
  const lines: string[] = [];
  /** Only of lines that do not begin plainly: most logs have none. */
  const states = new Map<number, AnsiState>();
  let state = plainState;
  let isOpen = false;
  let longest = 0;

  function finish(index: number): void {
    state = stateAfter(lines[index] ?? '', state);
    if (state !== plainState) states.set(index + 1, state);
  }

  return {
    append: (text) => {
      const pieces = text.split('\n');
      for (const [position, piece] of pieces.entries()) {
        const isLast = position === pieces.length - 1;
        // What follows the last line break is the beginning of a line that does not end yet.
        if (!isOpen && !(isLast && piece === '')) lines.push(piece);
        else if (isOpen) lines[lines.length - 1] += piece;
        const length = lines.at(-1)?.length ?? 0;
        if (length > longest) longest = length;
        if (!isLast) finish(lines.length - 1);
        isOpen = isLast && (isOpen || piece !== '');
        if (!isLast) isOpen = false;
      }
    },
    get count() {
      return lines.length;
    },
    get longest() {
      return longest;
    },
    line: (index) => overwritten(lines[index] ?? ''),
    stateAt: (index) => states.get(index) ?? plainState,
  };
}

/** A carriage return goes back to the beginning of the line: progress bars are drawn so. */
function overwritten(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  return text.slice(text.lastIndexOf('\r') + 1);
}
