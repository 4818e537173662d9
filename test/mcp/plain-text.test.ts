import { expect, test } from 'vitest';

import { plainPieces, plainText } from '../../src/mcp/plain-text.ts';

const esc = '\u001B';
const colored = `${esc}[1;31mred${esc}[0m and ${esc}[38;5;208morange${esc}[m`;
const bell = '\u0007';
const hidden = `${esc}[8mhidden${esc}[28m ${esc}]8;;https://example.com${bell}link${esc}]8;;${bell}`;

test('colors, and whatever else is for a terminal, are taken out', () => {
  expect(plainText(colored)).toBe('red and orange');
  expect(plainText(hidden)).toBe('hidden link');
  expect(plainText('plain [31m text\n\tof two lines')).toBe('plain [31m text\n\tof two lines');
});

test('a part that ends within a sequence has nothing of it, and no escape is ever left', () => {
  expect(plainText(`done${esc}`)).toBe('done');
  expect(plainText(`done${esc}[38;5`)).toBe('done');
  for (let end = 0; end <= hidden.length; end += 1) expect(plainText(hidden.slice(0, end))).not.toContain(esc);
});

test('wherever a text is cut into pieces, the same comes of it', () => {
  for (let cut = 0; cut <= colored.length; cut += 1) {
    const plain = plainPieces();
    expect(plain(colored.slice(0, cut)) + plain(colored.slice(cut))).toBe('red and orange');
  }
});
