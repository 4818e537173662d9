import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { switchTable } from '../../emulator/switch-table.ts';
import { clientOf, create } from './support/harness.ts';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

function start(...options: string[]): { out(): string; stop(): void; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['emulator/cli.ts', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, out, errors })));
  onTestFinished(() => void child.kill('SIGKILL'));
  return { out: () => out, stop: () => void child.kill('SIGTERM'), ended };
}

test('--help tells every switch', async () => {
  const { code, out } = await start('--help').ended;
  expect(code).toBe(0);
  for (const name of Object.keys(switchTable)) expect(out).toContain(`  ${name}=`);
});

test('serves until it is ended, with the given regions and switches, over https', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'emulator-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'ca.pem');
  const options = [
    '--port',
    '0',
    '--engine',
    'instant',
    '--https',
    '--ca',
    file,
    '--factor',
    '100',
    '--region',
    'westus',
  ];
  const running = start(...options, '--switch', 'groupQuota=1');
  await expect.poll(running.out, { timeout: 20_000 }).toMatch(/https:\S+\n/);
  const url = /https:\S+/.exec(running.out())?.[0] ?? '';
  const client = clientOf({ url, ca: readFileSync(file, 'utf8') });
  const bench = { client } as Parameters<typeof create>[0];
  expect((await create(bench, 'one')).provisioningState).toBe('Succeeded');
  await expect(create(bench, 'two')).rejects.toMatchObject({ code: 'ContainerGroupQuotaReached' });
  running.stop();
  expect((await running.ended).code).toBe(0);
});

test.each([
  [['--engine', 'podman'], /docker or instant/],
  [['--port', 'http'], /--port takes a number/],
  [['--engine', 'instant', '--switch', 'pullMs=x'], /pullMs takes a number/],
  [['--what'], /--what/],
])('%j is refused with a reason', async (options, words) => {
  const { code, errors } = await start(...options).ended;
  expect(code).toBe(2);
  expect(errors).toMatch(words);
  expect(errors.split('\n').length).toBeLessThan(4);
});
