import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { records, seen, taskFolder, testServer, type TestServer } from './support/cli.ts';

let server: TestServer;

const script = `#!/bin/sh
echo "Name=\${Name:-} Count=\${Count:-} Token=\${Token:+given}"
exit "\${Code:-0}"
`;

beforeAll(async () => {
  server = await testServer();
  const any = (parameterName: string, parameterType: string) => ({ parameterName, parameterType });
  const folders = [
    await taskFolder(server.directory, 'Any', script, {
      scriptParameters: [any('Name', 'string'), any('Count', 'int'), any('Code', 'int'), any('Token', 'secret')],
    }),
    await taskFolder(server.directory, 'Secret', script, {
      scriptParameters: [{ ...any('Token', 'secret'), required: true }],
    }),
    await taskFolder(server.directory, 'Sleep', '#!/bin/sh\necho begun\nexec sleep 60\n', {
      timeouts: { runSeconds: 60, graceSeconds: 1 },
    }),
  ];
  const pushed = await server.run(['push', ...folders]);
  if (pushed.code !== 0) throw new Error(pushed.stderr);
});

afterAll(() => server.stop());

async function showLast(): Promise<Record<string, unknown>> {
  const [run] = records((await server.run(['show', '@last'])).stdout);
  return run ?? {};
}

describe('exit codes:', () => {
  test("the task's own, with --follow and with --wait", async () => {
    expect((await server.run(['run', 'Any', '-p', 'Code=7', '--follow'])).code).toBe(7);
    const waited = await server.run(['run', 'Any', '-p', 'Code=121', '--wait']);
    expect(waited.code).toBe(121);
    expect(records(waited.stdout)).toMatchObject([
      { type: 'accepted', taskName: 'Any' },
      { type: 'end', state: 'failed', exitCode: 121, reason: 'exitCode' },
    ]);
  });

  test('122 where the task ran too long', async () => {
    const ended = await server.run(['run', 'Sleep', '--timeout', '1', '--wait']);
    expect(ended.code).toBe(122);
    expect(records(ended.stdout).at(-1)).toMatchObject({ state: 'timedOut' });
    const { startedAt, endedAt } = await showLast();
    expect(Date.parse(String(endedAt)) - Date.parse(String(startedAt))).toBeLessThan(30_000);
  });

  test('123 where it was canceled, 121 where it was lost; a lost run can be resolved', async () => {
    const canceled = server.start(['run', 'Sleep', '--follow']);
    await canceled.says('begun');
    expect((await server.run(['cancel', 'last'])).code).toBe(0);
    expect((await canceled.ended).code).toBe(123);

    const lost = server.start(['run', 'Sleep', '--follow', '--json']);
    await lost.says('begun');
    const { attempts } = (await showLast()) as { attempts: { containerId: string }[] };
    process.kill(Number(attempts[0]?.containerId), 'SIGKILL');
    const ended = await lost.ended;
    expect(ended.code).toBe(121);
    expect(records(ended.stdout).at(-1)).toMatchObject({ type: 'end', state: 'lost' });

    const shown = async () => seen((await server.terminal(['show', 'last']).ended).stdout);
    expect(await shown()).toMatch(/Nobody knows whether the work was done\. .* errand resolve \w{26} --outcome/);

    const vague = await server.run(['resolve', 'last', '--outcome', 'maybe']);
    expect(vague).toMatchObject({ code: 120 });
    expect(vague.stderr).toContain('--outcome succeeded or --outcome failed');
    const resolved = await server.run(['resolve', 'last', '--outcome', 'failed', '--note', 'looked by hand']);
    expect(records(resolved.stdout)).toMatchObject([
      { state: 'lost', resolution: { outcome: 'failed', note: 'looked by hand' } },
    ]);
    expect(await shown()).not.toContain('Nobody knows');
  });

  test('0 as soon as it is accepted, without --follow and --wait', async () => {
    const ended = await server.run(['run', 'Any', '-p', 'Code=9']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(records(ended.stdout)).toMatchObject([{ type: 'accepted', taskName: 'Any' }]);
  });
});

test('--follow passes the log on as it is; with --json everything is a record', async () => {
  expect((await server.run(['run', 'Any', '-p', 'Name=a b', '-f'])).stdout).toBe('Name=a b Count= Token=\n');
  const followed = await server.run(['run', 'Any', '-p', 'Name=x', '-f', '--json']);
  const lines = records(followed.stdout);
  expect(lines[0]).toMatchObject({ type: 'accepted' });
  expect(lines.filter(({ type }) => type === 'log')).toMatchObject([{ attempt: 1, text: 'Name=x Count= Token=\n' }]);
  expect(lines.some(({ type, state }) => type === 'state' && state === 'running')).toBe(true);
  expect(lines.at(-1)).toMatchObject({ type: 'end', state: 'succeeded', exitCode: 0 });
});

describe('parameters come', () => {
  test('from a file as an object; the command line wins', async () => {
    await writeFile(join(server.directory, 'p.json'), JSON.stringify({ Name: 'file', Count: 3 }));
    const args = ['run', 'Any', '--param-file', 'p.json', '-p', 'Name=near', '-f'];
    expect((await server.run(args)).stdout).toBe('Name=near Count=3 Token=\n');
  });

  test("from standard input as the original's array", async () => {
    const input = JSON.stringify([{ name: 'Name', value: 'piped' }]);
    expect((await server.run(['run', 'Any', '--param-file', '-', '-f'], { input })).stdout).toContain('Name=piped');
  });

  test("as they stand in the original's array: the server says what is wrong with it", async () => {
    const input = JSON.stringify([
      { name: 'Name', value: 'a', vlaue: 'b' },
      { name: 'Count', value: 1 },
      { name: 'Count', value: 2 },
    ]);
    const refused = await server.run(['run', 'Any', '--param-file', '-', '--json'], { input });
    expect(records(refused.stdout)).toMatchObject([
      {
        code: 'invalidRequest',
        problems: [
          { code: 'unknownField', path: '/parameters/0/vlaue' },
          { code: 'duplicate', path: '/parameters/2/name' },
        ],
      },
    ]);
    const near = await server.run(['run', 'Any', '--param-file', '-', '-p', 'Count=3', '-p', 'Name=c', '-f'], {
      input,
    });
    expect(near.stdout).toBe('Name=c Count=3 Token=\n');
  });

  test('with an equals sign in the value', async () => {
    expect((await server.run(['run', 'Any', '-p', 'Name=a=b', '-f'])).stdout).toContain('Name=a=b ');
  });

  test.each([
    [['-p', 'Name'], 'write -p Name=value'],
    [['-p', 'Name=a', '-p', 'Name=b'], 'Name is given twice'],
    [['--param-file', 'missing.json'], '--param-file missing.json cannot be read'],
    [['--param-file', 'hello.txt'], 'hello.txt is not JSON'],
    [['--timeout', 'soon'], 'write --timeout 600'],
    [['--follow', '--detach'], 'leave one of them out'],
    [['-p', 'Count=many'], 'Count must be a whole number'],
    [['--label', 'ticket'], 'write --label name=value'],
  ])('%j is refused', async (args, message) => {
    await writeFile(join(server.directory, 'hello.txt'), 'hello');
    const refused = await server.run(['run', 'Any', ...args]);
    expect(refused).toMatchObject({ code: 120, stdout: '' });
    expect(refused.stderr).toContain(message);
  });
});

describe('a secret', () => {
  test('is taken from a variable or a file, and never shown', async () => {
    await writeFile(join(server.directory, 'token'), 'hunter2\n');
    const fromFile = await server.run(['run', 'Any', '--secret-file', 'Token=token', '-f']);
    expect(fromFile.stdout).toContain('Token=given');
    const env = { MY_TOKEN: 'hunter2' };
    const fromVariable = await server.run(['run', 'Secret', '--secret-env', 'Token=MY_TOKEN', '-f'], { env });
    expect(fromVariable).toMatchObject({ code: 0 });
    const shown = await server.run(['show', 'last']);
    expect(shown.stdout).not.toContain('hunter2');
    expect(records(shown.stdout)).toMatchObject([{ parameters: [{ name: 'Token', secret: true }] }]);
  });

  test('is not taken from the command line', async () => {
    const refused = await server.run(['run', 'Secret', '-p', 'Token=hunter2']);
    expect(refused).toMatchObject({ code: 120, stdout: '' });
    expect(refused.stderr).toContain(
      'others on this machine can see it there (ps), and the shell keeps it in its history',
    );
    expect(refused.stderr).toContain('--secret-env Token=VARIABLE');
    expect(refused.stderr).not.toContain('hunter2');
  });

  test('that is missing where nobody can be asked', async () => {
    const refused = await server.run(['run', 'Secret']);
    expect(refused.code).toBe(120);
    expect(refused.stderr).toContain('--secret-env Token=VARIABLE or --secret-file Token=path');
    const unset = await server.run(['run', 'Secret', '--secret-env', 'Token=NO_SUCH']);
    expect(unset.stderr).toContain('there is no variable NO_SUCH here');
  });

  test('has to be given again for a rerun; other values are kept', async () => {
    const env = { MY_TOKEN: 'hunter2' };
    await server.run(['run', 'Any', '-p', 'Name=kept', '--secret-env', 'Token=MY_TOKEN', '--wait'], { env });
    const again = await server.run(['rerun', 'last', '-p', 'Count=2', '--secret-env', 'Token=MY_TOKEN', '-f'], { env });
    expect(again).toMatchObject({ code: 0, stdout: 'Name=kept Count=2 Token=given\n' });
    expect(await showLast()).toHaveProperty('rerunOf');
  });
});

test('labels find runs; an idempotency key gives the same run again', async () => {
  const args = ['run', 'Any', '--label', 'ticket=42', '--idempotency-key', 'once', '--json'];
  const [first] = records((await server.run(args)).stdout);
  const [second] = records((await server.run(args)).stdout);
  expect(second?.['id']).toBe(first?.['id']);
  const listed = records((await server.run(['runs', '--label', 'ticket=42'])).stdout);
  expect(listed.map(({ id }) => id)).toEqual([first?.['id']]);
  expect((await server.run(['runs', '--label', 'ticket=43', '--state', 'failed'])).stdout).toBe('');
  const other = await server.run([...args, '-p', 'Name=other']);
  expect(other.code).toBe(120);
  expect(records(other.stdout)).toMatchObject([{ type: 'error', code: 'idempotencyKeyReused', exitCode: 120 }]);
});

describe('Ctrl-C', () => {
  test('says that the run goes on', async () => {
    const followed = server.start(['run', 'Sleep', '--follow']);
    await followed.says('begun');
    followed.child.kill('SIGINT');
    const ended = await followed.ended;
    expect(ended.code).toBe(130);
    expect(ended.stderr).toMatch(/goes on without this terminal.*errand logs -f \w{26}.*errand cancel \w{26}/);
    expect(await showLast()).toMatchObject({ state: 'running' });
    await server.run(['cancel', 'last']);
  });

  test('cancels where that was asked for', async () => {
    const followed = server.start(['run', 'Sleep', '--follow', '--cancel-on-interrupt']);
    await followed.says('begun');
    followed.child.kill('SIGINT');
    expect((await followed.ended).code).toBe(123);
    expect(await showLast()).toMatchObject({ state: 'canceled' });
  });
});

test('a run is found by the end of its id', async () => {
  const { id } = await showLast();
  const ending = String(id).slice(-8);
  expect(records((await server.run(['show', ending])).stdout)).toMatchObject([{ id }]);
  const none = await server.run(['show', 'zzzzzzzz']);
  expect(none).toMatchObject({ code: 120 });
  expect(none.stderr).toContain('There is no run zzzzzzzz');
});

test('plan checks and starts nothing', async () => {
  const before = (await showLast())['id'];
  const planned = await server.run(['plan', 'Any', '-p', 'Name=x']);
  expect(records(planned.stdout)).toMatchObject([
    { taskName: 'Any', image: 'errand-minimal:local', platform: 'process' },
  ]);
  const [limited] = records((await server.run(['plan', 'Any', '-p', 'Name=x', '--timeout', '7'])).stdout);
  expect(limited).toMatchObject({ timeouts: { runSeconds: 7 } });
  expect((await server.run(['plan', 'Any', '-p', 'Count=x'])).code).toBe(120);
  expect((await showLast())['id']).toBe(before);
});
