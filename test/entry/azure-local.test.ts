import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { curlImage } from '../../scripts/images.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import type { RunView } from '../../src/contract/run.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { cli, records, startCli, type Started } from './support/cli.ts';

describeWithDocker('errand dev --azure', () => {
  let directory: string;
  let server: Started;
  let client: Client;
  let url: string;
  let settings: Record<string, string>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-azure-local-'));
    server = startCli(['dev', '--azure', '--no-examples', '--port', '0'], { cwd: directory });
    await server.says('"type":"ready"');
    ({ url, settings } = records(server.output().stdout)[0] as unknown as {
      url: string;
      settings: Record<string, string>;
    });
    client = createClient({ url });
  });
  afterAll(async () => {
    server.child.kill('SIGTERM');
    await server.ended;
    await rm(directory, { recursive: true, force: true });
  });

  async function push(taskName: string, script: string): Promise<void> {
    const scriptParameters = [{ parameterName: 'Token', parameterType: 'secret' }];
    await client.push(
      taskName,
      { taskName, dockerImage: curlImage, scriptName: `${taskName}.sh`, scriptParameters },
      { executable: new Blob([`#!/bin/sh\n${script}\n`]) },
    );
  }

  /** Of a run, as Resource Manager shows it. */
  async function groupText({ attempts }: RunView): Promise<string> {
    const { ERRAND_ARM_ENDPOINT: arm, ERRAND_SUBSCRIPTION_ID: subscription, ERRAND_RESOURCE_GROUP: group } = settings;
    const groups = `${arm}/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.ContainerInstance/containerGroups`;
    const answer = await fetch(`${groups}/${attempts[0]?.containerName}?api-version=2023-05-01`);
    expect(answer.status).toBe(200);
    return answer.text();
  }

  test('a real container runs the real runner against Azurite, and its group shows no secret', async () => {
    await push('Real', 'echo "in $(hostname)"; echo "$Token"; echo \'{"a":1}\' >"$ERRAND_OUTPUT"; sleep 1');
    const secret = 'correct-horse-battery';
    const { id } = await client.run({ taskName: 'Real', parameters: [{ name: 'Token', value: secret }] });
    const shown = await groupText(await client.get(id));
    expect(shown).toContain(curlImage);
    for (const text of ['sig=', secret, 'AccountKey']) expect(shown).not.toContain(text);
    const run = await client.wait(id);
    expect(run).toMatchObject({ state: 'succeeded', output: { a: 1 }, cost: { currency: 'USD' } });
    expect(await (await client.log(id)).text()).toMatch(/^in \S+\n\*\*\*\n$/);
  });

  test('a cancel ends the container', async () => {
    await push('Long', 'echo begun; exec sleep 300');
    const { id } = await client.run({ taskName: 'Long' });
    for await (const event of client.events(id)) if (event.event === 'log') break;
    await client.cancel(id);
    expect(await client.wait(id)).toMatchObject({ state: 'canceled' });
  });

  test('it says what does not go together', async () => {
    const ended = await cli(['dev', '--azure', '--driver', 'process'], { cwd: directory });
    expect([ended.code, ended.stderr]).toEqual([120, expect.stringContaining('--azure goes without --driver')]);
  });

  test('a signal ends all of it, and leaves no container', async () => {
    await push('Left', 'exec sleep 300');
    const { id } = await client.run({ taskName: 'Left' });
    const group = (await client.get(id)).attempts[0]?.containerName;
    const filters = { label: [`errand.aci-emulator.group=${group}`] };
    const containers = () => dockerClient(dockerHost()).listContainers({ all: true, filters });
    await expect.poll(containers, { timeout: 20_000 }).toHaveLength(2);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
    expect(await containers()).toEqual([]);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
    await expect(fetch(settings['ERRAND_ARM_ENDPOINT'] ?? '')).rejects.toThrow('fetch failed');
  });
});
