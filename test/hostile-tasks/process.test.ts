import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createClient } from '../../src/client/client.ts';
import { processIsNoSandbox } from '../../src/runners/process-environment.ts';
import { pushScript } from '../e2e/door.ts';
import { cli, cliFile, startCli } from '../entry/support/cli.ts';
import { startOrchestrator, type OrchestratorProcess } from './support/orchestrator-process.ts';
import { secretPrefix } from './support/place.ts';

describe('hostile tasks as processes of this machine', () => {
  const secret = `${secretPrefix}${randomBytes(12).toString('hex')}`;
  let directory: string;
  let env: Record<string, string>;
  let orchestrator: OrchestratorProcess;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-hostile-tasks-'));
    env = { ERRAND_PORT: '0', ERRAND_DRIVER: 'process', ERRAND_DATA_DIR: join(directory, 'data') };
    orchestrator = await startOrchestrator([cliFile, 'serve'], { ...env, ERRAND_SECRET_Hostile: secret });
  });
  afterAll(async () => {
    await orchestrator.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

  test('nothing is contained: a task reads the environment of Errand, and its key', async () => {
    const client = createClient({ url: orchestrator.url });
    const parameter = (parameterName: string) => ({ parameterName, parameterType: 'string', required: true });
    await pushScript(
      orchestrator.url,
      'Curious',
      [
        `found=$(tr '\\0' '\\n' <"/proc/$Errand/environ" | grep -o '${secretPrefix}[0-9a-f]*')`,
        'key=$(wc -c <"$Data/secret.key")',
        'printf \'{"found":"%s","key":%s}\' "$found" $key >"$ERRAND_OUTPUT"',
      ].join('\n'),
      { scriptParameters: [parameter('Errand'), parameter('Data')] },
    );
    const { id } = await client.run({
      taskName: 'Curious',
      parameters: [
        { name: 'Errand', value: String(orchestrator.pid) },
        { name: 'Data', value: join(directory, 'data') },
      ],
    });
    expect(await client.wait(id)).toMatchObject({ state: 'succeeded', output: { found: secret, key: 45 } });
  });

  test('its log says so at the start', () => {
    const warnings = orchestrator
      .said()
      .split('\n')
      .filter((line) => line.includes('"level":40'));
    expect(warnings.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain(processIsNoSandbox);
  });

  test('errand dev and errand doctor say so', async () => {
    const cwd = await mkdtemp(join(directory, 'cwd-'));
    const own = { ...env, ERRAND_DATA_DIR: join(cwd, 'data') };
    const dev = startCli(['dev', '--driver', 'process', '--no-examples'], { cwd, env: own });
    await dev.says('"type":"ready"');
    dev.child.kill('SIGTERM');
    expect((await dev.ended).stderr).toContain(processIsNoSandbox);
    const doctor = await cli(['doctor'], { cwd, env: own });
    expect(doctor.code).toBe(0);
    expect(doctor.stdout).toContain(processIsNoSandbox);
  });

  test('in production it is refused, unless it is allowed by name', async () => {
    const production = { ...env, ERRAND_DATA_DIR: join(directory, 'production'), NODE_ENV: 'production' };
    const refused = await cli(['serve'], { cwd: directory, env: production });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('ERRAND_ALLOW_PROCESS_DRIVER=1');
    const allowed = startCli(['serve'], { cwd: directory, env: { ...production, ERRAND_ALLOW_PROCESS_DRIVER: '1' } });
    await allowed.says('"type":"ready"');
    allowed.child.kill('SIGTERM');
    expect((await allowed.ended).stderr).toContain(processIsNoSandbox);
  });

  test('its page says so, and lists what is not contained', async () => {
    const page = await readFile(resolve(import.meta.dirname, '../../docs/drivers/process.md'), 'utf8');
    expect(page).toContain('no sandbox');
    const [, section = ''] = page.split('## What a task can do');
    for (const word of ['fork bomb', 'memory', 'disk', 'environment', 'other tasks', 'network'])
      expect(section).toContain(word);
  });
});
