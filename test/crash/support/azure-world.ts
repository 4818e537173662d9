import { BlobServiceClient } from '@azure/storage-blob';

import {
  dockerEngine,
  instantEngine,
  startEmulator,
  type Behavior,
  type Emulator,
  type SwitchValues,
} from '../../../emulator/server.ts';
import { startAzurite, type Azurite } from '../../support/azurite.ts';
import { processBehavior } from '../../support/process-behavior.ts';
import type { ContainerWay } from './azure-containers.ts';
import { azurePlace } from './azure-place.ts';
import { missingImage } from './scenarios.ts';
import type { OpenPlace } from './place.ts';
import { endProcess, processesOf } from './processes.ts';

/** Azure, as far as a case of the crash test needs it. It is never killed. */
export interface AzureWorld {
  azurite: Azurite;
  emulator: Emulator;
  /** Tasks run in containers, which reach the harness this way; undefined where the real runner runs as a process of this machine. */
  containers: ContainerWay | undefined;
  /** Cases by the prefix of their groups' names: whether their runners forget the fence. */
  forgetful: Map<string, boolean>;
  open: OpenPlace;
  weather: Weather;
  /** Names of groups whose runners were started once more and have ended again, where runners are processes. */
  endedAgain: Set<string>;
  /** How often the platform has started a runner once more, where runners are processes. */
  restarts(): number;
  close(): Promise<void>;
}

/** Nothing here is about waiting. */
const quick: Partial<SwitchValues> = {
  pendingMs: 10,
  pullMs: 10,
  restartDelayMs: 30,
  groupQuota: 1_000,
  coreQuota: 1_000,
  createsPerHour: 1e6,
  createsPer5Minutes: 1e6,
  deletesPerHour: 1e6,
  deletesPer5Minutes: 1e6,
};

/** All at the same time, and in every case. */
const rough: Partial<SwitchValues> = {
  restartAfterNonzero: 1,
  lostCreateAnswer: 0.25,
  lostDeleteAnswer: 0.25,
  lostAnswer: 0.03,
  throttled: 0.15,
  retryAfterSeconds: 1,
};

/**
 * `rough`: the emulator loses answers and throttles, and every runner ends with 1 after all is done, upon which it is started once more.
 * `restarting`: moreover no survivor removes a group before that has happened, however slow the machine.
 */
export type Weather = 'calm' | 'rough' | 'restarting';

export interface AzureWorldOptions {
  azurite?: Azurite;
  weather: Weather;
  containers?: ContainerWay;
}

export async function azureWorld({ azurite: given, weather, containers }: AzureWorldOptions): Promise<AzureWorld> {
  const azurite = given ?? (await startAzurite());
  const forgetful: AzureWorld['forgetful'] = new Map();
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString);

  /** What a runner does that has no fence: it makes the place as it was before its first boot. */
  async function forget(fenceUrl: string): Promise<void> {
    const [, , container = '', ...name] = new URL(fenceUrl).pathname.split('/');
    await blobs.getContainerClient(container).getBlobClient(name.join('/')).deleteIfExists();
  }

  let restarts = 0;
  const endedAgain: AzureWorld['endedAgain'] = new Set();

  const behavior: Behavior = (planned) => ({
    pullMs: 0,
    effect: async (start) => {
      if (start.start > 1) restarts += 1;
      const isForgetful = forgetful.get(start.group.name.split('-')[0] ?? '') === true;
      if (isForgetful) await forget(start.environment['ERRAND_FENCE_URL'] ?? '');
      const { ERRAND_RUN_ID: runId = '', ERRAND_ATTEMPT: attempt = '' } = start.environment;
      // A container takes all of its processes with it, whatever group they are in.
      start.signal.addEventListener('abort', () =>
        endProcesses(`ERRAND_RUN_ID=${runId}\0`, `ERRAND_ATTEMPT=${attempt}\0`),
      );
      const code = await processBehavior(planned).effect?.(start);
      if (start.start > 1) endedAgain.add(start.group.name);
      const isEndedBadly = weather !== 'calm' && start.start === 1 && code === 0;
      return isEndedBadly ? 1 : (code ?? 0);
    },
  });

  const emulator = await startEmulator({
    engine:
      containers === undefined
        ? instantEngine({ behavior, hasImage: (image) => image !== missingImage })
        : dockerEngine({ host: containers.dockerHost }),
    switches: { ...quick, ...(weather === 'calm' ? {} : rough) },
  });
  const world: AzureWorld = {
    azurite,
    emulator,
    containers,
    forgetful,
    weather,
    endedAgain,
    restarts: () => restarts,
    open: (crash) => azurePlace(world, crash),
    close: async () => {
      await emulator.close();
      if (given === undefined) await azurite.stop();
    },
  };
  return world;
}

function endProcesses(...texts: [string, string]): void {
  const [first, second] = texts.map(processesOf);
  for (const pid of first ?? []) if (second?.includes(pid) === true) endProcess(pid);
}
