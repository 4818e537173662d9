import { expect, test } from 'vitest';

import { logRelay, type LogText } from '../../src/mcp/log-relay.ts';
import { manualClock } from '../support/manual-clock.ts';

function relayed() {
  const clock = manualClock(0);
  const sent: LogText[] = [];
  return { clock, sent, relay: logRelay((given) => sent.push(given), clock) };
}
const texts = (sent: readonly LogText[]): string[] => sent.map(({ text }) => text);

test('the first line goes at once, and what follows within a quarter of a second goes together', async () => {
  const { clock, sent, relay } = relayed();
  for (const text of ['a\n', 'b\n', 'c\n']) relay.push({ attempt: 1, text });
  expect(texts(sent)).toEqual(['a\n']);
  await clock.advance(250);
  expect(texts(sent)).toEqual(['a\n', 'b\nc\n']);
  await clock.advance(1_000);
  relay.push({ attempt: 1, text: 'd\n' });
  expect(texts(sent)).toEqual(['a\n', 'b\nc\n', 'd\n']);
});

test('attempts are kept apart, and the end leaves nothing behind', () => {
  const { sent, relay } = relayed();
  relay.push({ attempt: 1, text: 'a' });
  relay.push({ attempt: 1, text: 'b' });
  relay.push({ attempt: 2, text: 'c' });
  relay.end();
  expect(sent).toEqual([
    { attempt: 1, text: 'a' },
    { attempt: 1, text: 'b' },
    { attempt: 2, text: 'c' },
  ]);
});

test('a flood is cut: four messages a second, 8 KiB each, 64 KiB in all, and the cut is told', async () => {
  const { clock, sent, relay } = relayed();
  for (let line = 0; line < 2_000; line += 1) relay.push({ attempt: 1, text: `${'😀'.repeat(50)}\n` });
  expect(sent.length).toBe(1);
  await clock.advance(1_000);
  expect(sent.length).toBe(5);
  relay.end();
  const all = texts(sent).join('');
  expect(all.length).toBeLessThan(64 * 1024 + 200);
  expect(all.length).toBeGreaterThan(64 * 1024 - 200);
  expect(Math.max(...texts(sent).map(({ length }) => length))).toBeLessThanOrEqual(8 * 1024);
  expect(texts(sent).every((text) => text.isWellFormed())).toBe(true);
  expect(all.match(/more is left out/g)).toHaveLength(1);
  relay.push({ attempt: 1, text: 'more' });
  relay.end();
  expect(texts(sent).join('')).toBe(all);
});
