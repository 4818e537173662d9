import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { examine } from '../../../src/entry/doctor/examine.ts';
import { fail, ok, type Finding, type Step } from '../../../src/entry/doctor/finding.ts';

async function report(steps: readonly Step[], stepMs = 10_000): Promise<string[]> {
  const lines: Finding[] = [];
  for await (const finding of examine(steps, { clock: systemClock, stepMs })) lines.push(finding);
  return lines.map(({ level, step, what }) => `${level} ${step}: ${what}`);
}

test('a step that says nothing ends in its time, its signal is aborted, and the next one is taken', async () => {
  let cleanedUp = false;
  const silent: Step = {
    name: 'silent',
    look: (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          cleanedUp = true;
          reject(signal.reason as Error);
        });
      }),
  };
  const lines = await report([silent, { name: 'next', look: async () => [ok('fine')] }], 50);
  expect(lines).toEqual(['fail silent: no answer within 0.05 s', 'ok next: fine']);
  expect(cleanedUp).toBe(true);
});

test('what is thrown is a failure; who needs it is left out, and who needs that one, too', async () => {
  const first: Step = { name: 'first', look: () => Promise.reject(new Error('It broke. Mend it.')) };
  const never = (name: string, needs: string): Step => ({ name, needs: [needs], look: async () => [fail('looked')] });
  expect(await report([first, never('second', 'first'), never('third', 'second')])).toEqual([
    'fail first: It broke. Mend it.',
    'warn second: not looked at, since it needs "first"',
    'warn third: not looked at, since it needs "second"',
  ]);
});

test('a warning keeps nobody from going on', async () => {
  const lines = await report([
    { name: 'first', look: async () => [{ level: 'warn', what: 'odd' }] },
    { name: 'second', needs: ['first'], look: async () => [ok('fine')] },
  ]);
  expect(lines).toEqual(['warn first: odd', 'ok second: fine']);
});
