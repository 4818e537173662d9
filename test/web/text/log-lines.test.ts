import { describe, expect, test } from 'vitest';

import { plainState } from '../../../web/text/ansi.ts';
import { logLines, type LogLines } from '../../../web/text/log-lines.ts';

const all = (lines: LogLines): string[] => Array.from({ length: lines.count }, (_, index) => lines.line(index));

describe('the lines of a log', () => {
  test('are the same however the text is cut', () => {
    const text = 'one\n\ntwo three\nfour\n\n\u001b[31mfive\nsix\u001b[0m\nend without a break';
    const whole = logLines();
    whole.append(text);
    expect(all(whole)).toEqual(text.split('\n'));
    for (const size of [1, 2, 3, 7]) {
      const cut = logLines();
      for (let at = 0; at < text.length; at += size) cut.append(text.slice(at, at + size));
      expect(all(cut)).toEqual(all(whole));
      expect(cut.longest).toBe(whole.longest);
      expect(Array.from({ length: cut.count }, (_, index) => cut.stateAt(index))).toEqual(
        Array.from({ length: whole.count }, (_, index) => whole.stateAt(index)),
      );
    }
  });

  test('a line break at the end begins no line', () => {
    const lines = logLines();
    lines.append('one\n');
    expect(all(lines)).toEqual(['one']);
    lines.append('\n');
    expect(all(lines)).toEqual(['one', '']);
    lines.append('');
    expect(lines.count).toBe(2);
  });

  test('know the color that they begin with', () => {
    const lines = logLines();
    lines.append('\u001b[31mred\nstill\n\u001b[0mplain\nplain\n');
    expect([0, 1, 2, 3].map((index) => lines.stateAt(index) === plainState)).toEqual([true, false, false, true]);
  });

  test('what a progress bar wrote over is gone', () => {
    const lines = logLines();
    lines.append('10 %\r20 %\r100 %\nwindows\r\n');
    expect(all(lines)).toEqual(['100 %', 'windows']);
  });
});
