import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type Docker from 'dockerode';

import { isTerminal, type RunView } from '../../../src/contract/run.ts';
import type { Attack } from '../attacks.ts';
import type { AttackFacts, Surroundings } from './attack-facts.ts';
import { countProcesses, type ProcessCount } from './count-processes.ts';
import { secretPrefix, type Place } from './place.ts';

const taskFile = (name: string): Promise<string> =>
  readFile(join(import.meta.dirname, '..', 'tasks', `${name}.sh`), 'utf8');

/** Stores a task of `tasks/` and starts it. */
export async function startTask(
  { client, image, tally, leastMemoryInGB }: Place,
  {
    name,
    as,
    definition = {},
    memoryInGB = 0.3,
    parameters,
    secret,
  }: {
    name: string;
    /** Name of the task. */
    as: string;
    definition?: Readonly<Record<string, unknown>> | undefined;
    memoryInGB?: number | undefined;
    parameters: Readonly<Record<string, string>>;
    secret?: string | undefined;
  },
): Promise<RunView> {
  const plain = { Tally: tally.url, ...parameters };
  const secrets = secret === undefined ? {} : { Token: secret };
  const described = (names: object, parameterType: string) =>
    Object.keys(names).map((parameterName) => ({ parameterName, parameterType, required: true }));
  const document = {
    taskName: as,
    dockerImage: image,
    scriptName: `${as}.sh`,
    scriptParameters: [...described(plain, 'string'), ...described(secrets, 'secret')],
    resources: { cpu: 1, memoryInGB: Math.max(memoryInGB, leastMemoryInGB) },
    timeouts: { runSeconds: 120, graceSeconds: 2 },
    ...definition,
  };
  const executable = new Blob([await taskFile('prelude'), await taskFile(name)]);
  await client.push(as, document, { executable });
  const values = Object.entries({ ...plain, ...secrets }).map(([key, value]) => ({ name: key, value }));
  return client.run({ taskName: as, parameters: values });
}

export const newSecret = (): string => `${secretPrefix}${randomBytes(12).toString('hex')}`;

/** Runs an attack to its end, and looks at it meanwhile. */
export async function carryOut(attack: Attack, surroundings: Surroundings): Promise<AttackFacts> {
  const { place } = surroundings;
  const { client } = place;
  const secret = newSecret();
  const { id } = await startTask(place, {
    name: attack.name,
    as: `${attack.name}${attack.hasSecret === true ? '-secret' : ''}${attack.meanwhile === 'cancelStubborn' ? '-canceled' : ''}`,
    definition: attack.definition,
    memoryInGB: attack.memoryInGB,
    parameters: attack.parameters?.(surroundings) ?? {},
    secret: attack.hasSecret === true ? secret : undefined,
  });
  const whenCounted = attack.meanwhile === 'cancelBomb' ? cancelOnceRefused(id, place) : undefined;
  const [run, engineLogs, counts, followedBytes] = await Promise.all([
    client.wait(id),
    attack.watch === 'engineLog' ? watch(id, place, engineLog) : undefined,
    attack.watch === 'processes' ? watch(id, place, countProcesses, whenCounted) : undefined,
    attack.meanwhile === 'follow' ? follow(id, place) : undefined,
    attack.meanwhile === 'cancelStubborn' ? cancelOnceStubborn(id, place) : undefined,
  ]);
  return {
    run,
    log: await readLog(id, place),
    secret,
    ...(engineLogs === undefined ? {} : { peakEngineLog: Math.max(0, ...engineLogs) }),
    ...(counts === undefined ? {} : { processes: counts }),
    ...(followedBytes === undefined ? {} : { followedBytes }),
    ...(place.directory === undefined ? {} : { stored: storedOf(place.directory, id) }),
  };
}

/** Read by several at once: an orchestrator that held a log in memory would hold it so many times. */
async function readLog(id: string, { client }: Place): Promise<string> {
  const drained = async (): Promise<void> => (await client.log(id)).body?.pipeTo(new WritableStream());
  const [text] = await Promise.all([client.log(id).then((answer) => answer.text()), drained(), drained(), drained()]);
  return text;
}

async function follow(id: string, { client }: Place): Promise<number> {
  let bytes = 0;
  for await (const { text } of client.logs(id)) bytes += Buffer.byteLength(text);
  return bytes;
}

async function cancelOnceStubborn(id: string, { client }: Place): Promise<void> {
  for await (const { text } of client.logs(id)) if (text.includes('stubborn')) break;
  await client.cancel(id);
}

/** What is told of each count cancels the run at the first that shows a refusal. */
function cancelOnceRefused(id: string, { client }: Place): (count: ProcessCount) => Promise<void> {
  let isCanceled = false;
  return async ({ refused }) => {
    if (refused === 0 || isCanceled) return;
    isCanceled = true;
    await client.cancel(id);
  };
}

/** Looks at the container of a run, from outside, until the run has ended; what was seen of it each time. */
async function watch<Seen>(
  id: string,
  place: Place,
  look: (container: Docker.Container) => Promise<Seen | undefined>,
  tell?: (seen: Seen) => Promise<void>,
): Promise<Seen[]> {
  const all: Seen[] = [];
  for (;;) {
    const run = await place.client.get(id);
    if (isTerminal(run.state)) return all;
    const runner = run.attempts.at(-1)?.containerName;
    const container = runner === undefined ? undefined : await place.find(runner);
    const seen = container === undefined ? undefined : await look(place.docker.getContainer(container.own));
    if (seen !== undefined) {
      all.push(seen);
      await tell?.(seen);
    }
    await pause(100);
  }
}

/** What the engine has on disk of a container's output; undefined for one that has just gone. */
async function engineLog(container: Docker.Container): Promise<number | undefined> {
  const about = await container.inspect().catch(gone);
  if (about === undefined) return undefined;
  const sizes = ['', '.1', '.2'].map((end) => statSync(`${about.LogPath}${end}`, { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

const gone = (): undefined => undefined;

/** What is on disk, which of a file with holes is little. */
function storedOf(directory: string, id: string): number {
  return globSync(`exchanges/${id}/**`, { cwd: directory })
    .map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.blocks ?? 0)
    .reduce((sum, blocks) => sum + blocks * 512, 0);
}

/** One line for everything that did not go as it must. */
export function problemsOf(attack: Attack, facts: AttackFacts, surroundings: Surroundings): string[] {
  const { state, reason, exitCode, message } = facts.run;
  const { ends, orEnds = ends } = attack;
  const isRight = [ends, orEnds].some(
    (end) => state === end.state && reason === end.reason && (end.exitCode === undefined || end.exitCode === exitCode),
  );
  return [
    ...(isRight
      ? []
      : [`it ended as ${state}, ${reason}, ${exitCode} (${message}), not ${Object.values(ends).join(', ')}`]),
    ...(attack.judge?.(facts, surroundings) ?? []),
  ];
}
