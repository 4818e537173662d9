import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  dockerEngine,
  type Emulator,
  type EmulatorOptions,
  type EngineFactory,
  instantEngine,
  type InstantEngineOptions,
  startEmulator,
} from '../../../emulator/server.ts';
import { taskDefinitionSchema } from '../../../src/contract/task-definition.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RunnerDriver, RunnerSpec } from '../../../src/core/ports/runner-driver.ts';
import { azureContainerInstances } from '../../../src/runners/azure-container-instances.ts';
import type { AzureContainerInstancesOptions } from '../../../src/runners/azure-settings.ts';
import { dockerHost } from '../../support/engine.ts';

/** Stands in for `script-runner.sh`: carries out the lines that come as a secret value. */
const standIn = 'eval "$LINES"\n';

export const subscriptionId = '00000000-0000-4000-8000-000000000000';
export const resourceGroup = 'runs';

export interface AzureHarness {
  emulator: Emulator;
  driver: RunnerDriver;
  options: AzureContainerInstancesOptions;
  instanceId: string;
  prepare(lines: string, changes?: Partial<RunnerSpec>): Promise<RunnerSpec>;
  /** How often a container of this run was started. */
  starts(spec: RunnerSpec): Promise<number>;
  dispose(): Promise<void>;
}

interface HarnessOptions extends Omit<EmulatorOptions, 'engine'> {
  /** Real containers of this image; without it nothing is run, and everything ends at once. */
  image?: string;
  instant?: InstantEngineOptions;
  driver?: Partial<AzureContainerInstancesOptions>;
}

/** A driver that talks to an emulator of its own. */
export async function azureHarness({
  image,
  instant,
  driver: changes,
  ...emulated
}: HarnessOptions = {}): Promise<AzureHarness> {
  const root = await mkdtemp(join(tmpdir(), 'errand-azure-'));
  const runnerScript = join(root, 'stand-in.sh');
  await writeFile(runnerScript, standIn);
  const counts = new Map<string, number>();
  const engine = image === undefined ? instantEngine(instant) : dockerEngine({ host: dockerHost() });
  const emulator = await startEmulator({
    ...emulated,
    engine: counting(engine, counts),
    switches: { pendingMs: 20, pullMs: 20, ...emulated.switches },
  });
  const options: AzureContainerInstancesOptions = {
    subscriptionId,
    resourceGroup,
    connection: { endpoint: emulator.url, allowInsecure: true },
    places: [{ region: 'West US' }],
    identities: [],
    registries: [],
    runnerScript,
    clock: systemClock,
    logger: silentLogger,
    pollMs: 20,
    timeouts: { transitionMs: 50, requestMs: 3000, patienceMs: 10_000 },
    ...changes,
  };
  const driver = azureContainerInstances(options);
  const instanceId = randomBytes(8).toString('hex');
  return {
    emulator,
    driver,
    options,
    instanceId,
    prepare: async (lines, wanted = {}) => sampleSpec({ lines, instanceId, image: image ?? 'tasks:1', ...wanted }),
    starts: async ({ runId }) => counts.get(runId) ?? 0,
    async dispose() {
      await driver.close();
      await emulator.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A new attempt with signed URLs. */
export function sampleSpec({
  lines = 'exit 0',
  ...changes
}: Partial<RunnerSpec> & { lines?: string } = {}): RunnerSpec {
  const { resources, container } = taskDefinitionSchema.parse({
    taskName: 'StandIn',
    dockerImage: 'x',
    scriptName: 'x.sh',
  });
  const runId = randomBytes(13).toString('hex');
  return {
    name: `errand-${runId}-1`,
    runId,
    attempt: 1,
    taskName: 'StandIn',
    place: 'westus',
    instanceId: 'here',
    image: 'tasks:1',
    resources,
    container,
    identity: undefined,
    access: { kind: 'signedUrls', plain: {}, secure: { LINES: lines } },
    graceSeconds: 1,
    ...changes,
  };
}

function counting(engine: EngineFactory, counts: Map<string, number>): EngineFactory {
  return (services) => {
    const inner = engine(services);
    return {
      ...inner,
      async open(group) {
        const sandbox = await inner.open(group);
        return {
          ...sandbox,
          async start(container) {
            const run = group.tags['errand-run'] ?? '';
            counts.set(run, (counts.get(run) ?? 0) + 1);
            return sandbox.start(container);
          },
        };
      },
    };
  };
}
