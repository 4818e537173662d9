import { describe, expect, test } from 'vitest';

import { ansiParts, plainState, stateAfter, withoutAnsi } from '../../../web/text/ansi.ts';

const e = '\u001b';
/** Texts with their classes and colors, as in a trace. */
const shown = (line: string, state = plainState) =>
  ansiParts(line, state).parts.map(({ text, style }) =>
    [text, ...style.classes, style.color, style.background].filter((each) => each !== undefined).join('|'),
  );

describe('the colors of a terminal', () => {
  test.each([
    ['plain', ['plain']],
    [`${e}[31mred${e}[0m plain`, ['red|ansi-fg-1', ' plain']],
    [`${e}[1;92;44mall${e}[22;39;49mnone`, ['all|ansi-bold|ansi-fg-10|ansi-bg-4', 'none']],
    [`${e}[mreset`, ['reset']],
    [
      `${e}[38;5;9mnine${e}[38;5;196mcube${e}[38;5;255mgray`,
      ['nine|ansi-fg-9', 'cube|rgb(255 0 0)', 'gray|rgb(238 238 238)'],
    ],
    [`${e}[48;2;1;2;300mtrue`, ['true|rgb(1 2 255)']],
    [
      `${e}[3;4;9;7;2mmany${e}[23;24;29;27;22mnone`,
      ['many|ansi-dim|ansi-italic|ansi-underline|ansi-strike|ansi-inverse', 'none'],
    ],
    [`a${e}[2Kb${e}[10;20Hc${e}]0;title\u0007d${e}]8;;http://x${e}\\e${e}(Bf`, ['a', 'b', 'c', 'd', 'e', 'f']],
    [e, []],
    [`${e}[38mtoo short`, ['too short']],
    [`${e}[38;5;999mnone`, ['none']],
  ])('%j', (line, parts) => {
    expect(shown(line)).toEqual(parts);
  });

  test('go on to the next line until they are taken back', () => {
    const first = ansiParts(`${e}[32mgreen`, plainState);
    expect(shown('still green', first.next)).toEqual(['still green|ansi-fg-2']);
    expect(stateAfter(`${e}[32mgreen`, plainState)).toBe(first.next);
    expect(stateAfter(`${e}[0m`, first.next)).toBe(plainState);
  });

  test('are no part of the text that is searched', () => {
    expect(withoutAnsi(`${e}[1mstep${e}[0m 1 of ${e}[31m2`)).toBe('step 1 of 2');
  });

  test('whatever a log holds, nothing of the text is lost', () => {
    for (const line of [`x${e}[`, `${e}[31`, `${e}]no end`, `${e}[31;;mx`, 'é😀'.repeat(50)]) {
      const text = ansiParts(line, plainState)
        .parts.map((part) => part.text)
        .join('');
      expect(text).toBe(withoutAnsi(line));
    }
  });
});
