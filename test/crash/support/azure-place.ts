import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { azureBlobs } from '../../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { azureTablesStorage } from '../../../src/storage/azure-tables.ts';
import { armProxy } from './arm-proxy.ts';
import { atRest, removeAtRest } from './azure-at-rest.ts';
import { groupsOf, removeGroup, startsAt } from './azure-groups.ts';
import type { AzureWorld } from './azure-world.ts';
import { noteFiles, type CrashCase } from './crash-case.ts';
import { linesOf } from './evidence.ts';
import type { Verdict } from './faulty-engine.ts';
import { lateMs } from './local-place.ts';
import type { Place } from './place.ts';
import { endProcess, pause, processesOf } from './processes.ts';
import { definitionOf, executableOf, scriptName, secretValue, taskName } from './scenarios.ts';
import type { Victim } from './workers.ts';

/** What an exchange still holds when all is done: marks, the log, and files that a task left. */
const mayStay = /\/(?:opened|discarded|fence|collected\.json|seizure-[0-9a-f]+|log|files\/\d+)$/;
let cases = 0;

/** Tables, blob containers and a queue of one case, and a proxy between its victim and Resource Manager. */
export async function azurePlace(world: AzureWorld, crash: CrashCase): Promise<Place> {
  const { azurite, emulator, containers } = world;
  const { connectionString } = azurite;
  const root = await mkdtemp(join(tmpdir(), 'errand-crash-'));
  const data = join(root, 'data');
  const notes = join(root, 'notes');
  const executions = join(notes, noteFiles.executions);
  await mkdir(data);
  await mkdir(dirname(executions), { recursive: true });
  await writeFile(executions, '');

  const prefix = `c${(cases += 1)}x`;
  const tasksContainer = `${prefix}-tasks`;
  const exchangesContainer = `${prefix}-exchanges`;
  world.forgetful.set(prefix, crash.variant === 'noFence' || crash.variant === 'putRepeated');
  const azure: { environment: Record<string, string>; tally: string } = {
    environment: {
      ERRAND_STORAGE_CONNECTION_STRING: connectionString,
      ERRAND_TABLE_PREFIX: prefix,
      ERRAND_QUEUE: `${prefix}-work`,
      ERRAND_TASKS_CONTAINER: tasksContainer,
      ERRAND_EXCHANGES_CONTAINER: exchangesContainer,
      ERRAND_NAME_PREFIX: prefix,
      ...(containers === undefined ? {} : { ERRAND_RUNNER_BLOB_ENDPOINT: containers.blobEndpoint }),
    },
    tally: containers?.tallyUrl(executions) ?? executions,
  };
  const artifacts = azureBlobs({
    connection: { connectionString },
    tasksContainer,
    exchangesContainer,
    clock: systemClock,
  });
  const definition = {
    ...definitionOf(crash.scenario, crash.driver),
    ...(containers === undefined || crash.scenario === 'startFailure' ? {} : { dockerImage: containers.image }),
  };
  await artifacts.put(scriptName, Buffer.from(executableOf(crash.scenario, crash.driver)));
  await artifacts.put(`${taskName}.json`, Buffer.from(JSON.stringify(definition)));

  let victim: Victim | undefined;
  let told = crash;
  let points: string[] = [];
  const proxy = await armProxy(emulator.url, judge);

  async function judge(point: string): Promise<Verdict> {
    points.push(point);
    if (point !== told.fault?.point) return 'pass';
    switch (told.fault.kind) {
      case 'stall':
        process.kill(victim?.pid ?? 0, 'SIGSTOP');
        return 'pass';
      case 'answerLost':
        return 'drop';
      case 'late':
        victim?.kill();
        await pause(lateMs);
        return 'pass';
      case 'kill':
      case 'reboot':
        victim?.kill();
        return 'drop';
    }
  }

  const groups = (): Promise<string[]> => groupsOf(emulator, `${prefix}-`);

  return {
    data,
    notes,
    setting: (of) => ({ ...of, data, notes, azure }),
    open: async () => {
      const storage = azureTablesStorage({ connection: { connectionString }, prefix, clock: systemClock });
      return { storage, artifacts, close: () => storage.close() };
    },
    survivorHost: () => emulator.url,
    meet: (newcomer, its) => {
      victim = newcomer;
      told = its;
      points = [];
      return proxy.url;
    },
    forgetPoints: async () => {
      const path = join(notes, noteFiles.points);
      const answers = linesOf(path).filter((line) => line.startsWith('#'));
      await writeFile(path, answers.map((line) => `${line}\n`).join(''));
    },
    enginePoints: () => points,
    requests: () => startsAt(emulator, `${prefix}-`),
    containers: groups,
    leftovers: groups,

    problems: async () => {
      const problems: string[] = [];
      for (const pid of processesOf(root)) problems.push(`the process ${pid} of a runner is left`);
      const forms = ['sig=', secretValue, Buffer.from(secretValue).toString('base64').replace(/=+$/, '')];
      for (const { place, text } of await atRest(connectionString, prefix)) {
        if (forms.some((form) => text.includes(form)) && !place.startsWith(`blob ${tasksContainer}/`))
          problems.push(`${place} holds a secret in the clear`);
        const isOfExchange = place.startsWith(`blob ${exchangesContainer}/exchanges/`);
        if (isOfExchange && !mayStay.test(place)) problems.push(`${place} is left`);
        if (place.startsWith('queue ') && place.endsWith('-poison')) problems.push(`poison: ${text}`);
      }
      return problems;
    },

    reboot: async () => {
      throw new Error('on Azure the emulator starts containers once more by itself');
    },

    close: async () => {
      await proxy.close();
      for (const name of await groups()) await removeGroup(emulator, name);
      for (const pid of processesOf(root)) endProcess(pid);
      world.forgetful.delete(prefix);
      await removeAtRest(connectionString, prefix);
      await rm(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
