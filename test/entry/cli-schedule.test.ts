import { afterAll, beforeAll, expect, test } from 'vitest';

import { records, seen, taskFolder, testServer, type TestServer } from './support/cli.ts';

let server: TestServer;

beforeAll(async () => {
  server = await testServer();
  const folder = await taskFolder(server.directory, 'Report', '#!/bin/sh\necho "$Days"\n', {
    scriptParameters: [
      { parameterName: 'Days', parameterType: 'int', required: true },
      { parameterName: 'Token', parameterType: 'secret' },
    ],
  });
  const pushed = await server.run(['push', folder]);
  if (pushed.code !== 0) throw new Error(pushed.stderr);
});

afterAll(() => server.stop());

const add = (...words: string[]) => server.run(['schedule', 'add', ...words]);
const nightly = ['nightly', 'Report', '--cron', '30 2 * * MON-FRI', '-p', 'Days=7'];

test('a schedule is added, listed, shown, paused, resumed and removed', async () => {
  const added = await add(...nightly, '--time-zone', 'Europe/Berlin', '--catch-up', '12h', '--overlap', 'queue');
  expect(added.stderr).toBe('');
  expect(records(added.stdout)).toMatchObject([
    {
      name: 'nightly',
      taskName: 'Report',
      parameters: [{ name: 'Days', value: '7' }],
      cron: '30 2 * * MON-FRI',
      timeZone: 'Europe/Berlin',
      catchUpSeconds: 43_200,
      overlap: 'queue',
      paused: false,
    },
  ]);
  const taken = await add(...nightly);
  expect([taken.code, taken.stderr]).toEqual([120, expect.stringContaining('--replace')]);
  expect(records((await add(...nightly, '--replace', '--label', 'team=ops')).stdout)).toMatchObject([
    { labels: { team: 'ops' }, overlap: 'skip' },
  ]);
  expect(records((await server.run(['schedule', 'list'])).stdout)).toMatchObject([{ name: 'nightly' }]);
  expect(records((await server.run(['schedule', 'list', '--task', 'Other'])).stdout)).toEqual([]);
  expect(records((await server.run(['schedule', 'pause', 'nightly'])).stdout)).toMatchObject([{ paused: true }]);
  expect(records((await server.run(['schedule', 'resume', 'nightly'])).stdout)).toMatchObject([{ paused: false }]);
  expect(records((await server.run(['schedule', 'show', 'nightly'])).stdout)).toMatchObject([
    { name: 'nightly', upcoming: expect.any(Array) },
  ]);
  const removed = await server.run(['schedule', 'remove', 'nightly']);
  expect(records(removed.stdout)).toEqual([{ type: 'removed', name: 'nightly' }]);
});

test('what is wrong says what, why and how to mend it', async () => {
  const refused = async (words: string[], ...says: string[]) => {
    const { code, stderr } = await server.run(['schedule', ...words]);
    expect([code, stderr]).toEqual([120, expect.any(String)]);
    for (const text of says) expect(stderr).toContain(text);
  };
  await refused(['add', 'a', 'Report'], 'When? Write --cron');
  await refused(['add', 'a'], 'needs <name> <Task>');
  await refused(['add', 'a', 'Report', '--cron', '@daily', '--overlap', 'skipp'], 'did you mean skip?');
  await refused(['add', 'a', 'Report', '--cron', '@daily', '--catch-up', 'long'], '--catch-up long', '2h');
  await refused(['add', 'a', 'Report', '--cron', '61 * * * *'], 'the minute of cron is "61"', 'add -p Days=…');
  await refused(['add', 'a', 'Raport', '--cron', '@daily'], 'did you mean Report?');
  await refused(
    ['add', 'a', 'Report', '--cron', '@daily', '-p', 'Days=1', '-p', 'Token=x'],
    'a schedule keeps no secrets',
    'valueFrom',
  );
  await refused(['show', 'nightlee'], 'there is no schedule "nightlee"');
  await refused(['stop', 'nightly'], 'errand schedule pause');
});

test('people see when it comes and what came of it, and find its runs', async () => {
  expect((await add('soon', 'Report', '--cron', '*/2 * * * * *', '-p', 'Days=1', '--catch-up', '1m')).code).toBe(0);
  const runs = async () => records((await server.run(['runs', '--schedule', 'soon'])).stdout);
  await expect.poll(async () => (await runs()).length, { timeout: 60_000, interval: 500 }).toBeGreaterThan(0);
  await server.run(['schedule', 'pause', 'soon']);
  const [run] = await runs();
  const shown = server.terminal(['schedule', 'show', 'soon']);
  await shown.ended;
  expect(seen(shown.output().stdout)).toMatch(
    /soon {2}paused[\s\S]*comes +at \*\/2[\s\S]*What came of it[\s\S]*started/,
  );
  const listed = server.terminal(['schedule', 'list']);
  await listed.ended;
  expect(seen(listed.output().stdout)).toMatch(/soon +Report +\*\/2 \* \* \* \* \* +UTC +paused/);
  const one = server.terminal(['show', String(run?.['id'])]);
  await one.ended;
  expect(seen(one.output().stdout)).toMatch(/schedule +soon {2}planned for 20/);
});
