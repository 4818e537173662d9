import { expect, test } from 'vitest';

import { blocksOf, changed, isShown, stepsOf } from './walkthrough.ts';

const page = `Text.

\`\`\`console
$ errand run A
A 01m87wwwn5gt0gdqsgv9ckrmff
…
A ended after 94 ms
$ true
\`\`\`

\`\`\`json a/b.json
{}
\`\`\`
`;

test('blocks have their language, their target and their text', () => {
  const [first, second] = blocksOf(page);
  expect(second).toEqual({ language: 'json', target: 'a/b.json', text: '{}\n' });
  expect(first && stepsOf(first)).toEqual([
    { command: 'errand run A', shown: 'A 01m87wwwn5gt0gdqsgv9ckrmff\n…\nA ended after 94 ms\n' },
    { command: 'true', shown: '' },
  ]);
});

test.each([
  ['A 01m87yywzhwwefznqk75cc9ws4\r\nA ended after 1.3 s\r\n', true],
  ['A 01m87yywzhwwefznqk75cc9ws4\nmore\nand more\nA ended after 3 ms\n', true],
  ['waiting\r\u001B[KA 01m87yywzhwwefznqk75cc9ws4\r\n\u001B[1mA\u001B[22m ended after 3 ms\r\n', true],
  ['A 01m87yywzhwwefznqk75cc9ws4\nA failed after 3 ms\n', false],
  ['A 01m87yywzhwwefznqk75cc9ws4\nA ended after 3 ms\nmore\n', false],
  ['', false],
])('%j is what was shown: %s', (output, expected) => {
  const [block] = blocksOf(page);
  const [step] = block === undefined ? [] : stepsOf(block);
  expect(isShown(output, step?.shown ?? 'nothing')).toBe(expected);
});

test('a file is changed in the one place that is meant', () => {
  const diff = { language: 'diff', target: 'x', text: ' a\n-b\n+c\n' };
  expect(changed('a\nb\nb\n', diff)).toBe('a\nc\nb\n');
  expect(() => changed('b\n', diff)).toThrow('0 places');
  expect(() => changed('a\nb\na\nb\n', diff)).toThrow('2 places');
});
