import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { instant } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Observation, RunnerSpec } from '../core/ports/runner-driver.ts';
import { isAlive, type ProcessIdentity } from './process-table.ts';
import { endedDirectory, processFiles } from './process-wrapper.ts';

/** Who a runner's directory belongs to. */
export interface ProcessLabels {
  run: string;
  attempt: number;
  instance: string;
  task: string;
  createdAt: string;
}

const tailLines = 20;
const tailBytes = 4096;

export function labelsOf(spec: RunnerSpec, now: number): ProcessLabels {
  return {
    run: spec.runId,
    attempt: spec.attempt,
    instance: spec.instanceId,
    task: spec.taskName,
    createdAt: instant(now),
  };
}

/**
 * Takes the name: the directory appears with its labels in it, in one step, and only for the first who asks. False where it is taken.
 */
export async function claimName(directory: string, name: string, labels: ProcessLabels): Promise<boolean> {
  const draft = join(directory, `${draftPrefix}${name}.${randomBytes(6).toString('hex')}`);
  await mkdir(join(draft, processFiles.work), { recursive: true, mode: 0o700 });
  await writeFile(join(draft, processFiles.labels), JSON.stringify(labels), { flush: true });
  try {
    await rename(draft, join(directory, name));
    await syncDirectory(directory);
    return true;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Names that no runner has: claims under way, and directories on their way out. */
export const draftPrefix = '.draft-';
export const removedPrefix = '.removed-';

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Undefined where there is nothing of this name; `foreign` where there is something without our labels. */
export async function readLabels(home: string): Promise<ProcessLabels | 'foreign' | undefined> {
  const text = await readText(join(home, processFiles.labels));
  if (text === undefined) return (await exists(home)) ? 'foreign' : undefined;
  try {
    const labels: unknown = JSON.parse(text);
    return isLabels(labels) ? labels : 'foreign';
  } catch (error) {
    if (error instanceof SyntaxError) return 'foreign';
    throw error;
  }
}

function isLabels(value: unknown): value is ProcessLabels {
  if (typeof value !== 'object' || value === null) return false;
  const { run, attempt, instance, createdAt } = value as Partial<Record<keyof ProcessLabels, unknown>>;
  return (
    typeof run === 'string' &&
    typeof attempt === 'number' &&
    typeof instance === 'string' &&
    typeof createdAt === 'string'
  );
}

export async function readIdentity(home: string): Promise<ProcessIdentity | undefined> {
  const text = await readText(join(home, processFiles.started));
  const [pid, startTime, bootId] = text?.trim().split(' ') ?? [];
  if (pid === undefined || startTime === undefined || bootId === undefined || !/^\d+$/.test(pid)) return undefined;
  return { pid: Number(pid), startTime, bootId };
}

/** What became of a runner of ours, from what it left and what still runs. */
export async function observeHome(home: string, labels: ProcessLabels): Promise<Observation> {
  const early = await readExit(home);
  if (early !== undefined) return exited(home, early);
  const identity = await readIdentity(home);
  if (identity === undefined) return { state: 'created', since: labels.createdAt };
  if (isAlive(identity)) return { state: 'running', containerId: String(identity.pid) };
  // It may have ended between the two looks.
  return exited(home, (await readExit(home)) ?? unknownExit);
}

/** Stands for the exit code of a runner that was killed before it could leave one. */
export const unknownExit = 255;

async function exited(home: string, exitCode: number): Promise<Observation> {
  return { state: 'exited', exitCode, oomKilled: false, tail: await readTail(join(home, processFiles.output)) };
}

async function readExit(home: string): Promise<number | undefined> {
  const text = await readText(join(home, processFiles.exitCode));
  if (text === undefined) return undefined;
  const code = Number.parseInt(text, 10);
  return Number.isInteger(code) ? code : unknownExit;
}

async function readTail(path: string): Promise<string> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (handle === undefined) return '';
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(tailBytes), position: from });
    return buffer.subarray(0, bytesRead).toString('utf8').trimEnd().split('\n').slice(-tailLines).join('\n');
  } finally {
    await handle.close();
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Makes the watchers look. A name that was removed meanwhile needs no mark. */
export async function markEnded(directory: string, name: string, logger: Logger): Promise<void> {
  try {
    if (await exists(join(directory, name))) await writeFile(join(directory, endedDirectory, name), '');
  } catch (error) {
    logger.warn({ err: error, name }, 'The end of a process could not be marked: its result is noticed later');
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
