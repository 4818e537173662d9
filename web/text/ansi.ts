/** How a piece of text looks: classes of the style sheet, and colors that have no class. */
export interface AnsiStyle {
  readonly classes: readonly string[];
  readonly color?: string;
  readonly background?: string;
}

export interface AnsiPart {
  text: string;
  style: AnsiStyle;
}

interface Look {
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
  strike: boolean;
  color: string | undefined;
  background: string | undefined;
}

const plain: Look = {
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  strike: false,
  color: undefined,
  background: undefined,
};

/** What is in force where a line begins; the same text always means the same. */
export type AnsiState = string;
export const plainState: AnsiState = '';

const escape = String.fromCodePoint(0x1b);
const bell = String.fromCodePoint(0x07);
/** Control sequences (ECMA-48, section 5.4), operating system commands, and what is left of others. Only SGR changes how text looks. */
const sequence = new RegExp(
  `${escape}(?:\\[([0-9;:?<=>]*)[ -/]*([@-~])|\\][^${bell}${escape}]*(?:${bell}|${escape}\\\\)?|[ -/]*[0-~])?`,
  'g',
);

export function hasEscape(text: string): boolean {
  return text.includes(escape);
}

/** The text without anything that is not shown. */
export function withoutAnsi(text: string): string {
  return hasEscape(text) ? text.replaceAll(sequence, '') : text;
}

/** The parts of a line, each with its look, and the state that the next line begins with. */
export function ansiParts(line: string, state: AnsiState): { parts: AnsiPart[]; next: AnsiState } {
  if (state === plainState && !hasEscape(line)) return { parts: [{ text: line, style: { classes: [] } }], next: state };
  const parts: AnsiPart[] = [];
  let look = lookOf(state);
  let from = 0;
  const take = (to: number): void => {
    if (to > from) parts.push({ text: line.slice(from, to), style: styleOf(look) });
  };
  for (const match of line.matchAll(sequence)) {
    take(match.index);
    from = match.index + match[0].length;
    if (match[2] === 'm') look = select(look, match[1] ?? '');
  }
  take(line.length);
  return { parts, next: stateOf(look) };
}

/** The state after a line, without making its parts. */
export function stateAfter(line: string, state: AnsiState): AnsiState {
  if (!hasEscape(line)) return state;
  let look = lookOf(state);
  for (const match of line.matchAll(sequence)) if (match[2] === 'm') look = select(look, match[1] ?? '');
  return stateOf(look);
}

function lookOf(state: AnsiState): Look {
  return state === plainState ? plain : (JSON.parse(state) as Look);
}

function stateOf(look: Look): AnsiState {
  const text = JSON.stringify(look);
  return text === JSON.stringify(plain) ? plainState : text;
}

/** SGR: https://www.ecma-international.org/publications-and-standards/standards/ecma-48, section 8.3.117. */
function select(before: Look, text: string): Look {
  const codes = text.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)));
  let look = { ...before };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === 0) look = { ...plain };
    else if (code === 1) look.bold = true;
    else if (code === 2) look.dim = true;
    else if (code === 3) look.italic = true;
    else if (code === 4) look.underline = true;
    else if (code === 7) look.inverse = true;
    else if (code === 9) look.strike = true;
    else if (code === 22) look = { ...look, bold: false, dim: false };
    else if (code === 23) look.italic = false;
    else if (code === 24) look.underline = false;
    else if (code === 27) look.inverse = false;
    else if (code === 29) look.strike = false;
    else if (code >= 30 && code <= 37) look.color = String(code - 30);
    else if (code >= 40 && code <= 47) look.background = String(code - 40);
    else if (code >= 90 && code <= 97) look.color = String(code - 82);
    else if (code >= 100 && code <= 107) look.background = String(code - 92);
    else if (code === 39) look.color = undefined;
    else if (code === 49) look.background = undefined;
    else if (code === 38 || code === 48) {
      const { color, used } = extended(codes.slice(index + 1));
      index += used;
      if (code === 38) look.color = color;
      else look.background = color;
    }
  }
  return look;
}

/** `5;n` is one of 256 colors, `2;r;g;b` any. */
function extended(codes: readonly number[]): { color: string | undefined; used: number } {
  const [kind, first = 0, green = 0, blue = 0] = codes;
  if (kind === 5) return { color: first < 16 ? String(first) : paletteColor(first), used: 2 };
  if (kind === 2) return { color: `rgb(${byte(first)} ${byte(green)} ${byte(blue)})`, used: 4 };
  return { color: undefined, used: 1 };
}

/** The cube of 6 × 6 × 6 colors, then 24 grays, as xterm has them. */
function paletteColor(index: number): string | undefined {
  if (index > 255) return undefined;
  if (index >= 232) {
    const gray = 8 + (index - 232) * 10;
    return `rgb(${gray} ${gray} ${gray})`;
  }
  const level = (step: number): number => (step === 0 ? 0 : 55 + step * 40);
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}

function byte(value: number): number {
  return Math.min(255, Math.max(0, value));
}

function styleOf(look: Look): AnsiStyle {
  const classes = (['bold', 'dim', 'italic', 'underline', 'strike', 'inverse'] as const).filter((each) => look[each]);
  const named = (color: string | undefined): color is string => color !== undefined && /^\d+$/.test(color);
  return {
    classes: [
      ...classes.map((each) => `ansi-${each}`),
      ...(named(look.color) ? [`ansi-fg-${look.color}`] : []),
      ...(named(look.background) ? [`ansi-bg-${look.background}`] : []),
    ],
    ...(look.color === undefined || named(look.color) ? {} : { color: look.color }),
    ...(look.background === undefined || named(look.background) ? {} : { background: look.background }),
  };
}
