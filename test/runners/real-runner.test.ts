import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { filesystemArtifacts } from '../../src/artifacts/filesystem.ts';
import { taskDefinitionSchema } from '../../src/contract/task-definition.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { ExchangePlan } from '../../src/core/ports/artifact-store.ts';
import type { RunnerDriver } from '../../src/core/ports/runner-driver.ts';
import { dockerRunner } from '../../src/runners/docker.ts';
import { processRunner } from '../../src/runners/process.ts';
import { dockerClient } from '../../scripts/docker-client.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { ensureBusyboxImage } from '../support/images.ts';
import { connectionOf } from './support/docker-harness.ts';

const runnerScript = fileURLToPath(new URL('../../runner-image/script-runner.sh', import.meta.url));

interface Outcome {
  log: string;
  result: unknown;
  container: unknown;
  fence: unknown;
}

/** Carries one executable through exchange, driver and the real runner; `meanwhile` is called once the task has taken its fence. */
async function attempt(
  makeDriver: (root: string) => RunnerDriver,
  image: string,
  executable: string,
  meanwhile: (driver: RunnerDriver, name: string) => Promise<void> = async () => {},
): Promise<Outcome> {
  const root = await mkdtemp(join(tmpdir(), 'errand-real-'));
  const store = filesystemArtifacts({ directory: root, clock: systemClock });
  const driver = makeDriver(root);
  const runId = '01hzzzzzzzzzzzzzzzzzzzzzzz';
  const name = `errand-real-${process.pid}-${driver.name}-${root.slice(-6).toLowerCase()}`;
  const exchange = store.exchange({ runId, attempt: 1 });
  try {
    await driver.check();
    await store.put('task.sh', new TextEncoder().encode(executable));
    const described = await store.describe('task.sh');
    const plan: ExchangePlan = {
      taskName: 'Real',
      executable: { name: 'task.sh', sha256: described?.sha256 ?? '', etag: described?.etag ?? '', kept: 'none' },
      view: driver.capabilities.view,
      runSeconds: 60,
      graceSeconds: 1,
      logMaxBytes: 1024 * 1024,
      waitForIdentity: false,
      allowUnfenced: false,
      environment: { VMName: "it's vm-1", Token: 'hunter2hunter2' },
      secretNames: ['Token'],
    };
    const access = await exchange.open(plan);
    const { container } = taskDefinitionSchema.parse({ taskName: 'Real', dockerImage: image, scriptName: 'task.sh' });
    const resources = { cpu: 1, memoryInGB: 0.125 };
    const spec = {
      name,
      runId,
      attempt: 1,
      taskName: 'Real',
      place: 'local',
      instanceId: name,
      image,
      resources,
      container,
      identity: undefined,
      access,
      graceSeconds: 1,
    };
    await driver.create(spec);
    await expect.poll(async () => exchange.fence(), { timeout: 20_000 }).toBeDefined();
    await meanwhile(driver, name);
    await expect.poll(async () => (await driver.observe(name)).state, { timeout: 20_000 }).toBe('exited');
    const log = await exchange.readLog({ offset: 0, length: 100_000 });
    return {
      log: new TextDecoder().decode(log?.bytes),
      result: await exchange.result(),
      container: await driver.observe(name),
      fence: await exchange.fence(),
    };
  } finally {
    await driver.remove(name);
    await driver.close();
    await exchange.discard();
    await rm(root, { recursive: true, force: true });
  }
}

function suite(makeDriver: (root: string) => RunnerDriver, image: () => Promise<string>): void {
  test('an attempt leaves fence, masked log and result, and the runner ends with 0', async () => {
    const script = '#!/bin/sh\necho "stopping $VMName with $Token"\nexit 3\n';
    const outcome = await attempt(makeDriver, await image(), script);
    expect(outcome.fence).toMatchObject({ by: 'runner' });
    expect(outcome.log).toContain("stopping it's vm-1 with ***");
    expect(outcome.result).toMatchObject({ started: true, exitCode: 3, timedOut: false, stopped: false });
    expect(outcome.container).toMatchObject({ state: 'exited', exitCode: 0 });
  });

  test('a stop reaches a task that ignores TERM, and still its result is left', async () => {
    const script = "#!/bin/sh\ntrap '' TERM\necho stubborn\nwhile :; do sleep 0.2; done\n";
    const outcome = await attempt(makeDriver, await image(), script, async (driver, name) => {
      await systemClock.sleep(500);
      await driver.stop(name, { graceSeconds: 1 });
    });
    expect(outcome.result).toMatchObject({ started: true, stopped: true, signal: 'KILL' });
    expect(outcome.container).toMatchObject({ state: 'exited', exitCode: 0 });
  });
}

const common = { runnerScript, maximumRunners: 5, logger: silentLogger, clock: systemClock };

describe('the real runner as a process', () => {
  const baseEnvironment = { PATH: process.env['PATH'] ?? '' };
  suite(
    (root) => processRunner({ ...common, baseEnvironment, directory: join(root, 'processes') }),
    async () => 'none:local',
  );
});

describeWithDocker('the real runner in a container', () => {
  suite(
    (root) => dockerRunner({ ...common, connection: connectionOf(dockerHost()), directory: root }),
    async () => ensureBusyboxImage(dockerClient(dockerHost())),
  );
});
