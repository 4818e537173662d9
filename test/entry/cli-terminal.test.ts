import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { seen, startCli, taskFolder, testServer, type TestServer } from './support/cli.ts';

let server: TestServer;

beforeAll(async () => {
  server = await testServer();
  const folders = [
    await taskFolder(server.directory, 'Quick', '#!/bin/sh\necho done\n', { description: 'Does little.' }),
    await taskFolder(server.directory, 'Slow', '#!/bin/sh\nsleep 3\n', { concurrency: { limit: 1 } }),
    await taskFolder(server.directory, 'Secret', '#!/bin/sh\n[ "$Token" = "pa ss" ]\n', {
      scriptParameters: [{ parameterName: 'Token', parameterType: 'secret', required: true }],
    }),
  ];
  const pushed = await server.run(['push', ...folders]);
  if (pushed.code !== 0) throw new Error(pushed.stderr);
});

afterAll(() => server.stop());

const escape = '\u001b[';

describe('on a terminal', () => {
  test('people get tables with colors, unless they want none', async () => {
    await server.run(['run', 'Quick', '--wait']);
    const colored = await server.terminal(['runs']).ended;
    expect(colored.stdout).toContain(`${escape}32msucceeded${escape}39m`);
    expect(seen(colored.stdout)).toMatch(/ID\s+TASK\s+STATE/);
    const none = await server.terminal(['runs'], { env: { NO_COLOR: '1' } }).ended;
    expect(none.stdout).toContain('succeeded');
    expect(none.stdout).not.toContain(escape);
    expect((await server.terminal(['runs', '--no-color']).ended).stdout).not.toContain(escape);
    expect((await server.terminal(['tasks', '--json']).ended).stdout).toMatch(/^\{"taskName":"Quick"/);
    expect((await server.terminal(['show', 'last', '--no-color']).ended).stdout).toMatch(
      /What happened[\s\S]*accepted[\s\S]*task started[\s\S]*succeeded/,
    );
  });

  test('a line shows how the start goes on, and why a run waits; it leaves no trace in the log', async () => {
    const first = server.start(['run', 'Slow', '--wait']);
    await first.says('"accepted"');
    const second = server.terminal(['run', 'Slow', '--follow']);
    await second.says('Slow is queued: 1 run of Slow under way, which is its concurrency limit');
    const ended = await second.ended;
    expect(ended.code).toBe(0);
    expect(seen(ended.stdout)).toMatch(/Slow \w{26} succeeded/);
    await first.ended;
  });

  test('an interrupted run goes on', async () => {
    const followed = server.terminal(['run', 'Slow', '--wait']);
    await followed.says('running');
    followed.child.stdin?.write('\u0003');
    const ended = await followed.ended;
    expect(ended.code).toBe(130);
    expect(ended.stdout).toContain('goes on without this terminal');
  });
});

describe('a secret is asked for', () => {
  test('and not shown while it is typed', async () => {
    const asked = server.terminal(['run', 'Secret', '--wait']);
    await asked.says('Token (not shown): ');
    asked.child.stdin?.write('pa sx\u007fs\r');
    const ended = await asked.ended;
    expect(seen(ended.stdout)).toMatch(/Secret \w{26} .*succeeded/);
    expect(ended.code).toBe(0);
    expect(ended.stdout).not.toContain('pa s');
  });

  test('and nothing is started where the answer is Ctrl-C', async () => {
    const asked = server.terminal(['run', 'Secret']);
    await asked.says('Token (not shown): ');
    asked.child.stdin?.write('\u0003');
    const ended = await asked.ended;
    expect(ended.code).toBe(120);
    expect(ended.stdout).toContain('No value for Token: nothing was started.');
  });
});

test('a reader that goes away early is no failure', async () => {
  const started = startCli(['--help'], { cwd: server.directory });
  started.child.stdout?.destroy();
  expect(await started.ended).toMatchObject({ code: 0, stderr: '' });
});
