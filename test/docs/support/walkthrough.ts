import { stripVTControlCharacters } from 'node:util';

/** A fenced block of a page. */
export interface Block {
  /** First word after the fence. */
  language: string;
  /** Second word: the file that it is, or the terminal of its own that it belongs to. */
  target: string | undefined;
  text: string;
}

/** The fenced blocks of a page of Markdown, in their order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+)(?: (\S+))?\n([^]*?)^```$/gm)].map(([, language = '', target, text = '']) => ({
    language,
    target,
    text,
  }));
}

export interface Step {
  command: string;
  /** What the page shows of its output. */
  shown: string;
}

/** What is typed and shown in a block of the language `console`: each line that begins with `$ ` is a command. */
export function stepsOf({ text }: Block): Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...shown] = part.split('\n');
      return { command, shown: shown.join('\n') };
    });
}

/** Carries out a block of the language `diff`: what it takes away, with the lines around it, must be in the text once. */
export function changed(text: string, { text: diff }: Block): string {
  const lines = diff.split('\n').slice(0, -1);
  const side = (leftOut: string): string =>
    lines
      .filter((line) => !line.startsWith(leftOut))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const parts = text.split(side('+'));
  if (parts.length !== 2) throw new Error(`${parts.length - 1} places are the ones to change in:\n${text}`);
  return parts.join(side('-'));
}

/**
 * Whether an output is what the page shows of it: but for ids, numbers, units of time, how far columns are apart, and whatever an ellipsis stands for: the rest of a
 * line, or whole lines where it stands alone.
 */
export function isShown(output: string, shown: string): boolean {
  const wanted = comparable(shown)
    .split('\n')
    .map((line) =>
      line === '…'
        ? '(?:.*\n)*?'
        : `${line.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`).replaceAll('…', '.*')}\n`,
    )
    .join('');
  return new RegExp(`^${wanted}$`).test(`${comparable(output)}\n`);
}

function comparable(text: string): string {
  return stripVTControlCharacters(text)
    .split(/\r*\n/)
    .map((line) => (line.split('\r').at(-1) ?? '').replaceAll(/ +/g, ' ').trimEnd())
    .join('\n')
    .trim()
    .replaceAll(/\b01[0-9a-hjkmnp-tv-z]{24}\b/g, 'ID')
    .replaceAll(/\d+(?:\.\d+)?/g, '0')
    .replaceAll(/\b0 (?:ms|s|min)\b/g, '0 s');
}
