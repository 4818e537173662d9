import { join } from 'node:path';

import { armProxy } from './arm-proxy.ts';
import { caseAccount } from './azure-account.ts';
import { groupsOf, removeGroup, startsAt } from './azure-groups.ts';
import type { AzureWorld } from './azure-world.ts';
import { caseDirectories } from './case-directories.ts';
import { noteFiles, type CrashCase } from './crash-case.ts';
import { faultJudge } from './fault-judge.ts';
import type { Place } from './place.ts';
import { endProcess, processesOf, until } from './processes.ts';

/** Less than the patience of the driver with one request. */
const restartMs = 20_000;

/** Tables, blob containers and a queue of one case, and a proxy between its victim and Resource Manager. */
export async function azurePlace(world: AzureWorld, crash: CrashCase): Promise<Place> {
  const { azurite, emulator, containers } = world;
  const { root, data, notes, forgetPoints, remove } = await caseDirectories();
  const executions = join(notes, noteFiles.executions);
  const account = await caseAccount(azurite, crash, containers);
  const { prefix, environment } = account;
  world.forgetful.set(prefix, crash.variant === 'noFence' || crash.variant === 'putRepeated');
  const azure = { environment, tally: containers?.tallyUrl(executions) ?? executions };
  const { judge, meet, points } = faultJudge(crash);
  const proxy = await armProxy(emulator.url, judge);
  const groups = (): Promise<string[]> => groupsOf(emulator, `${prefix}-`);
  const isEndedAgain = (): boolean => [...world.endedAgain].some((name) => name.startsWith(`${prefix}-`));
  const patient =
    world.weather === 'restarting'
      ? await armProxy(emulator.url, async (point) => {
          if (/^engine\.DELETE .*:before$/.test(point)) await until(restartMs, isEndedAgain);
          return 'pass';
        })
      : undefined;

  return {
    data,
    notes,
    setting: (of) => ({ ...of, data, notes, azure }),
    open: account.open,
    survivorHost: () => (patient ?? emulator).url,
    meet: (newcomer, its) => {
      meet(newcomer, its);
      return proxy.url;
    },
    forgetPoints,
    enginePoints: points,
    requests: () => startsAt(emulator, `${prefix}-`),
    containers: groups,
    leftovers: groups,
    problems: async () => [
      ...processesOf(root).map((pid) => `the process ${pid} of a runner is left`),
      ...(await account.problems()),
    ],
    reboot: async () => {
      throw new Error('on Azure the emulator starts containers once more by itself');
    },
    close: async () => {
      await Promise.all([proxy.close(), patient?.close()]);
      for (const name of await groups()) await removeGroup(emulator, name);
      for (const pid of processesOf(root)) endProcess(pid);
      world.forgetful.delete(prefix);
      await account.remove();
      await remove();
    },
  };
}
