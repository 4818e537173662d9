import type { Io } from './io.ts';
import { printable } from './style.ts';

/** One line at the foot of the terminal that says what is being waited for. Where nobody watches, each new text is a line of its own. */
export interface Progress {
  show(text: string): void;
  /** Takes the line away, so that something else can be written. */
  clear(): void;
}

const eraseLine = '\r\u001b[K';

export function progress(io: Io): Progress {
  let shown = '';
  return {
    show: (text) => {
      const line = printable(text).replaceAll('\n', ' ');
      if (line === shown) return;
      shown = line;
      if (io.watched) io.noteRaw(`${eraseLine}${io.noteStyle.dim(line.slice(0, io.width - 1))}`);
      else io.note(line);
    },
    clear: () => {
      if (io.watched && shown !== '') io.noteRaw(eraseLine);
      if (io.watched) shown = '';
    },
  };
}
