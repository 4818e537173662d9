import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dockerClient } from '../../scripts/docker-client.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import type { RunView } from '../../src/contract/run.ts';
import type { RunRequestBody } from '../../src/contract/run-request.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { localServer, type LocalServer } from '../../src/entry/commands/local-server.ts';
import { serverConfig } from '../../src/entry/config.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';

const examples = join(import.meta.dirname, '../../examples');

/** The definition and the executable of an example, as they lie there. */
async function push(client: Client, folder: string, change: object = {}): Promise<void> {
  const files = await readdir(join(examples, folder));
  const file = files.find((name) => name.endsWith('.json')) ?? '';
  const definition = JSON.parse(await readFile(join(examples, folder, file), 'utf8')) as {
    taskName: string;
    scriptName: string;
  };
  const executable = new Blob([await readFile(join(examples, folder, definition.scriptName))]);
  await client.push(definition.taskName, { ...definition, ...change }, { executable });
}

async function run(client: Client, request: RunRequestBody): Promise<{ run: RunView; log: string }> {
  const { id } = await client.run(request);
  let log = '';
  for await (const { text } of client.logs(id)) log += text;
  return { run: await client.get(id), log };
}

function server(driver: 'docker' | 'process', directory: string): Promise<LocalServer> {
  const variables = {
    PATH: process.env['PATH'],
    DOCKER_HOST: dockerHost(),
    ERRAND_DATA_DIR: directory,
    ERRAND_DRIVER: driver,
    ERRAND_PORT: '0',
  };
  return localServer(serverConfig(variables, { driver }), silentLogger);
}

describeWithDocker('the examples, in containers', () => {
  let directory: string;
  let errand: LocalServer;
  let client: Client;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-examples-'));
    errand = await server('docker', directory);
    client = createClient({ url: errand.url });
  });
  afterAll(async () => {
    await errand.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('StopVM: the published definition and request, unchanged', async () => {
    await push(client, 'stop-vm');
    const { run: stopped, log } = await run(client, {
      taskName: 'StopVM',
      parameters: [
        { name: 'VMName', value: 'a3etest' },
        { name: 'ResourceGroupName', value: 'rg-a3e-test_resources-dev' },
      ],
    });
    expect(stopped).toMatchObject({
      state: 'succeeded',
      output: { vmName: 'a3etest', resourceGroupName: 'rg-a3e-test_resources-dev', powerState: 'VM deallocated' },
    });
    expect(log).toContain('a3etest: VM deallocated\n');
    const calls = await (await client.output(stopped.id, 'az-calls.txt')).text();
    expect(calls.split('\n').slice(0, 3)).toEqual([
      'login --identity --output none',
      'vm show --resource-group rg-a3e-test_resources-dev --name a3etest --query id --output tsv',
      'vm deallocate --resource-group rg-a3e-test_resources-dev --name a3etest --output none',
    ]);
  });

  test('StopVM says what is wrong where the machine is not there', async () => {
    await push(client, 'stop-vm');
    const parameters = [
      { name: 'VMName', value: 'no-such-vm' },
      { name: 'ResourceGroupName', value: 'rg' },
    ];
    const { run: failed, log } = await run(client, { taskName: 'StopVM', parameters });
    expect(failed).toMatchObject({ state: 'failed', reason: 'exitCode', exitCode: 1 });
    expect(log).toContain('no virtual machine no-such-vm in rg');
  });

  test('Hello greets', async () => {
    await push(client, 'hello');
    const { run: greeted, log } = await run(client, {
      taskName: 'Hello',
      parameters: [{ name: 'Name', value: 'Wörld' }],
    });
    expect(greeted.state).toBe('succeeded');
    expect(log).toContain('Hello, Wörld!\n');
    expect(log).toContain(`attempt 1 of run ${greeted.id}`);
  });

  test('InspectMachine reads real files, and leaves JSON and a file', async () => {
    await push(client, 'inspect-machine');
    const { run: inspected } = await run(client, { taskName: 'InspectMachine' });
    const memory = /MemTotal:\s+(\d+)/.exec(await readFile('/proc/meminfo', 'utf8'))?.[1];
    expect(inspected).toMatchObject({ state: 'succeeded', output: { enough: true }, files: [{ name: 'machine.csv' }] });
    const csv = await (await client.output(inspected.id, 'machine.csv')).text();
    expect(csv).toContain(`memory,memory,${memory},`);
  });

  test('WordCount runs in another language than sh', async () => {
    await push(client, 'word-count');
    const { run: counted } = await run(client, {
      taskName: 'WordCount',
      parameters: [{ name: 'Text', value: 'to be or not to be' }],
    });
    expect(counted).toMatchObject({ state: 'succeeded', output: { words: 6, different: 4 } });
  });

  test('Fails ends with the exit code of its choice', async () => {
    await push(client, 'fails');
    const { run: failed, log } = await run(client, {
      taskName: 'Fails',
      parameters: [{ name: 'ExitCode', value: 42 }],
    });
    expect(failed).toMatchObject({ state: 'failed', reason: 'exitCode', exitCode: 42 });
    expect(log).toContain('something went wrong');
  });

  test('IgnoresTerm is killed once its grace is over', async () => {
    await push(client, 'ignores-term', { timeouts: { runSeconds: 1, graceSeconds: 1 } });
    const { run: ended, log } = await run(client, { taskName: 'IgnoresTerm' });
    expect(ended).toMatchObject({ state: 'timedOut', reason: 'runTimeout' });
    expect(ended.attempts[0]).toMatchObject({ signal: 'KILL', exitCode: 137 });
    expect(log).toContain('tick 1\n');
  });
});

describeWithDocker('StopContainer, as a process beside the engine', () => {
  let directory: string;
  let errand: LocalServer;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'errand-examples-'));
    errand = await server('process', directory);
  });
  afterAll(async () => {
    await errand.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('stops a real container by its name', async () => {
    const client = createClient({ url: errand.url });
    await push(client, 'stop-container', { environment: { DOCKER_HOST: dockerHost() } });
    const docker = dockerClient(dockerHost());
    const container = await docker.createContainer({
      Image: 'errand-minimal:local',
      Entrypoint: ['/bin/sleep', '600'],
      HostConfig: { Init: true },
    });
    try {
      await container.start();
      const { run: stopped } = await run(client, {
        taskName: 'StopContainer',
        parameters: [{ name: 'ContainerName', value: container.id }],
      });
      expect(stopped).toMatchObject({ state: 'succeeded', output: { container: container.id, stopped: true } });
      expect((await container.inspect()).State.Running).toBe(false);
    } finally {
      await container.remove({ force: true });
    }
  });
});
