import { describe, expect, test } from 'vitest';

import { lastLines } from '../../emulator/log-view.ts';
import { instantEngine } from '../../emulator/server.ts';
import { create, ended, group, refusal, resourceGroup, rig, until } from './support/harness.ts';
import type { Rig } from './support/harness.ts';

async function logOf({ client }: Rig, options: { tail?: number } = {}): Promise<string> {
  return (await client.containers.listLogs(resourceGroup, 'run', 'task', options)).content ?? '';
}

function printing(log: string, runMs = Infinity): Parameters<typeof rig>[0] {
  return { engine: instantEngine({ behavior: () => ({ log, runMs }) }) };
}

const lines = (count: number): string => Array.from({ length: count }, (_, index) => `line ${index}\n`).join('');

describe('the log', () => {
  test('of a running container is whole, or its last lines', async () => {
    const bench = await rig(printing(lines(5000)));
    await create(bench, 'run');
    expect(await logOf(bench)).toBe(lines(5000));
    expect(await logOf(bench, { tail: 2 })).toBe('line 4998\nline 4999\n');
  });

  test('runningLogBytes: is cut to 4 MB', async () => {
    const bench = await rig(printing('x'.repeat(5 * 1024 ** 2)));
    await create(bench, 'run');
    expect(await logOf(bench)).toHaveLength(4 * 1024 ** 2);
    bench.emulator.switches.set({ runningLogBytes: 10 });
    expect(await logOf(bench)).toHaveLength(10);
  });

  test('stoppedLogBytes, stoppedLogLines: is cut to 16 KB and 1,000 lines once the container has stopped', async () => {
    const long = await rig(printing(`begin${'x'.repeat(20_000)}end`, 10));
    await create(long, 'run');
    await until(long, 'run', ended);
    expect(await logOf(long)).toBe(`${'x'.repeat(16 * 1024 - 3)}end`);
    const many = await rig(printing(lines(1100), 10));
    await create(many, 'run');
    await until(many, 'run', ended);
    const kept = (await logOf(many)).split('\n');
    expect([kept.length, kept[0]]).toEqual([1001, 'line 100']);
  });

  test('is not there before the container has started, nor for one that there is not', async () => {
    const bench = await rig({ switches: { slowPull: 1, slowPullMs: Infinity } });
    await bench.client.containerGroups.beginCreateOrUpdate(resourceGroup, 'run', group());
    expect(await refusal(logOf(bench))).toMatchObject({ status: 404, code: 'ContainerLogNotAvailable' });
    expect(await refusal(bench.client.containers.listLogs(resourceGroup, 'run', 'other'))).toMatchObject({
      status: 404,
      code: 'ResourceNotFound',
    });
  });
});

test.each([
  ['a\nb\nc\n', 2, 'b\nc\n'],
  ['a\nb\nc', 2, 'b\nc'],
  ['a\nb\n', 2, 'a\nb\n'],
  ['a\nb\n', 5, 'a\nb\n'],
  ['', 1, ''],
  ['\n\n\n', 1, '\n'],
  ['a\n', 0, ''],
])('the last lines of %j, %i of them, are %j', (text, count, expected) => {
  expect(lastLines(Buffer.from(text), count).toString()).toBe(expected);
});
