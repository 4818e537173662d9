import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { ErrandError } from '../../../src/contract/errors.ts';
import { pause, until } from '../../crash/support/processes.ts';
import { lives, type Lives } from './lives.ts';
import { clientOf, serveAll, untilAnswered, type Heard } from './soak-clients.ts';
import { judge, type Verdict } from './soak-judge.ts';
import type { SoakPlace } from './soak-place.ts';
import type { SoakPlan } from './soak-plan.ts';
import { logMaxBytes, noteFiles } from './soak-setting.ts';
import { newLines } from './tally.ts';
import { definitionOf, executableOf, kindNames, taskNameOf } from './task-kinds.ts';

export interface Soaked extends Verdict {
  tasks: number;
  kills: number;
  /** How often the platform has started a runner once more. */
  startedAgain: number;
  /** The most that the data directory has taken, in bytes. */
  diskBytes: number;
  seconds: number;
}

export interface SoakOptions {
  /** Without any progress for so long, what has not ended is taken for lost. */
  patienceMs: number;
  log?: (line: string) => void;
}

const pushMs = 120_000;

/** All tasks of the plan, on this place, while the orchestrator dies again and again; then what is left is judged. */
export async function soak(place: SoakPlace, plan: SoakPlan, options: SoakOptions): Promise<Soaked> {
  const { patienceMs, log = () => undefined } = options;
  const began = performance.now();
  const over = new AbortController();
  const orchestrators = lives(place.setting);
  let progress = 0;
  let lastProgress = performance.now();
  const onProgress = (): void => {
    progress += 1;
    lastProgress = performance.now();
    if (progress % 200 === 0)
      log(`${progress / 2} of ${plan.tasks.length}, ${orchestrators.kills()} kills, ${secondsSince(began)} s`);
  };
  const isStuck = (): boolean => performance.now() - lastProgress > patienceMs;

  try {
    await push(place, orchestrators, AbortSignal.timeout(pushMs));
    const ended = new AbortController();
    const disk = watchDisk(place, ended.signal);
    const beside = [
      killAgainAndAgain(plan, orchestrators, () => progress, ended.signal),
      startRunnersAgain(place, plan, ended.signal),
      watchOver(isStuck, over, ended.signal),
    ];
    const heard = await serveAll({
      tasks: plan.tasks,
      tally: place.tally,
      url: orchestrators.url,
      onProgress,
      signal: over.signal,
    });
    ended.abort();
    const failures = (await Promise.all(beside)).flat();
    const diskBytes = await disk;
    if (diskBytes > mostDiskBytes(plan)) failures.push(`its data took ${diskBytes} bytes of the disk at some time`);
    await settle(place, patienceMs);
    await orchestrators.stop();
    const problems = [...heard.problems, ...failures, ...orchestrators.problems()];
    return { ...(await verdict({ ...heard, problems })), diskBytes };
  } finally {
    await orchestrators.stop();
  }

  async function verdict(heard: Heard): Promise<Omit<Soaked, 'diskBytes'>> {
    const found = await judge(place, plan, heard);
    if (found.breaches.length > 0) {
      const said = readFileSync(join(place.setting.notes, noteFiles.log), 'utf8').trimEnd().split('\n');
      for (const line of said.slice(-30)) log(line);
    }
    return {
      ...found,
      tasks: plan.tasks.length,
      kills: orchestrators.kills(),
      startedAgain: place.startedAgain(),
      seconds: Math.round((performance.now() - began) / 1000),
    };
  }
}

function secondsSince(began: number): number {
  return Math.round((performance.now() - began) / 1000);
}

async function push(place: SoakPlace, { url }: Lives, signal: AbortSignal): Promise<void> {
  const client = clientOf(url);
  const { image, environment } = place;
  for (const kind of kindNames) {
    const document = definitionOf(kind, { place: place.setting.place, image, environment });
    const executable = new Blob([executableOf(kind, place.setting.place)]);
    await untilAnswered(() => client.push(taskNameOf(kind), document, { executable, signal }), signal);
  }
}

/** Each death comes when enough has happened, so that as many come on a slow machine as on a fast one, and none keeps the soak from its end. */
async function killAgainAndAgain(
  { kills }: SoakPlan,
  orchestrators: Lives,
  progress: () => number,
  ended: AbortSignal,
): Promise<string[]> {
  for (const { after, delayMs } of kills) {
    while (progress() < after && !ended.aborted) await pause(10);
    // All that was to be accepted has ended: what is left are the deaths that were due in the last moment.
    await pause(delayMs);
    orchestrators.kill();
  }
  return [];
}

async function startRunnersAgain(place: SoakPlace, plan: SoakPlan, ended: AbortSignal): Promise<string[]> {
  const problems: string[] = [];
  const look = newLines(place.executions);
  const started: Promise<void>[] = [];
  // Without a fence each start would bring the next one about.
  const seen = new Set<string>();
  while (!ended.aborted) {
    for (const line of look()) {
      const [what, runId = '', attempt] = line.split(' ');
      const name = `${runId} ${attempt}`;
      if (what !== 'end' || seen.has(name)) continue;
      seen.add(name);
      if (!plan.startsAgain()) continue;
      const starting = place.startAgain(runId, Number(attempt));
      started.push(
        starting.catch((error: unknown) => void problems.push(`a runner could not be started again: ${String(error)}`)),
      );
    }
    await pause(20);
  }
  await Promise.all(started);
  return problems;
}

/** Records, logs and copies of logs of so many runs, and what one gigabyte that is printed may leave; Blob storage has its own. */
function mostDiskBytes({ tasks }: SoakPlan): number {
  const printers = tasks.filter(({ kind }) => kind === 'printing').length;
  return 32 * 2 ** 20 + tasks.length * 256 * 2 ** 10 + printers * 8 * logMaxBytes;
}

async function watchDisk({ setting }: SoakPlace, ended: AbortSignal): Promise<number> {
  let most = 0;
  while (!ended.aborted) {
    // It fails where something went while it looked, and says what it found all the same.
    const { stdout } = await promisify(execFile)('du', ['-sk', setting.data]).catch((error: unknown) =>
      typeof error === 'object' && error !== null && 'stdout' in error
        ? { stdout: String(error.stdout) }
        : Promise.reject(error),
    );
    most = Math.max(most, Number.parseInt(stdout, 10) * 1024);
    await pause(1_000);
  }
  return most;
}

async function watchOver(isStuck: () => boolean, over: AbortController, ended: AbortSignal): Promise<string[]> {
  while (!ended.aborted) {
    if (isStuck()) {
      over.abort(new Error('nothing went on any more'));
      return ['nothing went on any more, and what had not ended was given up'];
    }
    await pause(50);
  }
  return [];
}

/** The last containers go after the last ends. Storage that does not answer for a moment settles nothing. */
async function settle(place: SoakPlace, patienceMs: number): Promise<void> {
  const { storage, close } = await place.open();
  const isOpen = async (): Promise<boolean> => {
    try {
      return (await storage.openRuns({ limit: 1 })).length > 0;
    } catch (error) {
      if (error instanceof ErrandError && error.code === 'storageUnavailable') return true;
      throw error;
    }
  };
  try {
    await until(patienceMs, async () => !(await isOpen()) && (await place.left()).length === 0);
  } finally {
    await close();
  }
}
