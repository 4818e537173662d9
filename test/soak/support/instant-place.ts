import { randomBytes } from 'node:crypto';

import { azureBlobs } from '../../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { azureTablesStorage } from '../../../src/storage/azure-tables.ts';
import { atRest, removeAtRest } from '../../crash/support/azure-at-rest.ts';
import { groupsOf, removeGroup } from '../../crash/support/azure-groups.ts';
import { azureWorld } from '../../crash/support/azure-world.ts';
import { endProcess, processesOf } from '../../crash/support/processes.ts';
import { soakDirectories } from './soak-directories.ts';
import type { SoakPlace } from './soak-place.ts';
import type { VariantName } from './soak-setting.ts';

/**
 * Tables, blobs and a queue in Azurite, container groups at the emulator, whose runners are processes of this machine. The emulator loses
 * answers and throttles, and starts every runner once more after its end.
 */
export async function instantPlace(variant: VariantName | undefined): Promise<SoakPlace> {
  // Each runner that is a child of this process is to end with it, and there are more than ten.
  process.setMaxListeners(1_000);
  // Tells the processes of this soak from those of another one.
  const prefix = `soak${randomBytes(4).toString('hex')}`;
  const exchangesContainer = `${prefix}-exchanges`;
  const tasksContainer = `${prefix}-tasks`;
  const directories = await soakDirectories();
  const { data, notes, executions, environment } = directories;
  const world = await azureWorld({ weather: 'rough' });
  const { emulator, azurite } = world;
  const { connectionString } = azurite;
  world.forgetful.set(prefix, variant === 'noFence');
  const groups = (): Promise<string[]> => groupsOf(emulator, `${prefix}-`);

  return {
    setting: {
      place: 'instant',
      data,
      notes,
      host: emulator.url,
      variant,
      azure: {
        ERRAND_STORAGE_CONNECTION_STRING: connectionString,
        ERRAND_TABLE_PREFIX: prefix,
        ERRAND_QUEUE: `${prefix}-work`,
        ERRAND_TASKS_CONTAINER: tasksContainer,
        ERRAND_EXCHANGES_CONTAINER: exchangesContainer,
        ERRAND_NAME_PREFIX: prefix,
      },
    },
    image: 'errand-minimal:local',
    tally: executions,
    executions,
    environment,
    open: async () => {
      const connection = { connectionString };
      // An index entry of somebody who died is put right once it is ten minutes old: for us it is so at once.
      const storage = azureTablesStorage({ connection, prefix, clock: systemClock, graceMs: 1_000 });
      const artifacts = azureBlobs({ connection, tasksContainer, exchangesContainer, clock: systemClock });
      return { storage, artifacts, close: () => storage.close() };
    },
    // The emulator does it by itself.
    startAgain: async () => undefined,
    startedAgain: () => world.restarts(),
    left: async () => [
      ...(await groups()).map((name) => `container group ${name}`),
      ...directories.processes(),
      ...processesOf(`/${exchangesContainer}/`).map((pid) => `process ${pid} of a runner`),
    ],
    atRest: async function* () {
      yield* directories.filesAtRest();
      // The author's own files may say anything.
      for (const found of await atRest(connectionString, prefix))
        if (!found.place.startsWith(`blob ${tasksContainer}/`)) yield found;
    },
    close: async () => {
      for (const name of await groups()) await removeGroup(emulator, name);
      for (const pid of processesOf(`/${exchangesContainer}/`)) endProcess(pid);
      await removeAtRest(connectionString, prefix);
      await world.close();
      await directories.remove();
    },
  };
}
