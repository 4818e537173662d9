import { constants } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../contract/limits.ts';
import type { LogFacts, OutputFile } from '../contract/run.ts';
import type { Logger } from '../core/logger.ts';
import type { Collected } from '../core/ports/artifact-store.ts';
import type { RunnerResult } from '../core/runner-result.ts';
import { copyFile } from './copy-file.ts';
import { replaceFile, syncDirectory, unfinishedName } from './durable-file.ts';
import { logLimit } from './exchange-open.ts';
import type { ExchangePaths } from './exchange-paths.ts';
import { errnoOf, unlessMissing } from './file-errors.ts';
import { openFlat, readFlat } from './flat-file.ts';
import { emptySha256, logFacts } from './log-facts.ts';
import { parseOutput } from './output-json.ts';
import { removeTree } from './remove-tree.ts';

interface Collecting {
  paths: ExchangePaths;
  result: RunnerResult | undefined;
  logger: Logger;
  signal?: AbortSignal | undefined;
}

/** Everything is copied into a directory of its own, which one rename makes valid: the first to get there decides, for ever. */
export async function collect(collecting: Collecting): Promise<Collected> {
  const { paths, signal } = collecting;
  const before = await readCollected(paths);
  if (before !== undefined) return before;

  await mkdir(paths.run, { recursive: true, mode: 0o700 });
  const unfinished = join(paths.run, unfinishedName());
  await mkdir(join(unfinished, 'files'), { recursive: true, mode: 0o700 });
  try {
    const collected: Collected = {
      log: await collectLog(collecting, unfinished),
      ...(await collectOutput(collecting)),
      files: await collectFiles(collecting, unfinished),
    };
    await replaceFile(join(unfinished, 'collected.json'), JSON.stringify(collected), 0o600);
    await syncDirectory(join(unfinished, 'files'));
    await rename(unfinished, paths.collected);
    await syncDirectory(paths.run);
    return collected;
  } catch (error) {
    await removeTree(unfinished, { signal });
    // ENOENT: it was settled and discarded meanwhile, and what we had was cleared away.
    const isLate = ['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '');
    const others = isLate ? await readCollected(paths) : undefined;
    if (others === undefined) throw error;
    return others;
  }
}

async function readCollected(paths: ExchangePaths): Promise<Collected | undefined> {
  const text = await unlessMissing(readFile(join(paths.collected, 'collected.json'), 'utf8'));
  return text === undefined ? undefined : (JSON.parse(text) as Collected);
}

/** The runner's word on what is missing counts only where it is right about what is there. */
async function collectLog({ paths, result, logger, signal }: Collecting, unfinished: string): Promise<LogFacts> {
  const claimed = result?.log;
  const file = await openFlat(join(paths.box, 'log'));
  if (file.kind !== 'open') {
    if (file.kind === 'refused') logger.warn({ path: paths.box, why: file.why }, 'the log of a run is not taken');
    const agrees = claimed?.bytes === 0 && file.kind === 'absent';
    return logFacts({ bytes: 0, lines: 0, sha256: emptySha256 }, agrees ? claimed : undefined);
  }
  try {
    const maximumBytes = await logLimit(paths);
    const copied = await copyFile(file.handle, join(unfinished, 'log'), { maximumBytes, mode: 0o600, signal });
    return logFacts(copied, claimed?.bytes === copied.bytes && !copied.exceeded ? claimed : undefined);
  } finally {
    await file.handle.close();
  }
}

async function collectOutput({ paths, result }: Collecting): Promise<{ output?: unknown; outputProblem?: string }> {
  if (result === undefined || !result.output) return {};
  const file = await readFlat(join(paths.box, 'output.json'), limits.outputBytes);
  if (file.kind === 'absent') return { outputProblem: 'the runner saw $ERRAND_OUTPUT, but it is gone' };
  if (file.kind === 'refused') return { outputProblem: `$ERRAND_OUTPUT is not taken: ${file.why}` };
  const parsed = parseOutput(file.bytes);
  return 'problem' in parsed
    ? { outputProblem: `$ERRAND_OUTPUT is not taken: ${parsed.problem}` }
    : { output: parsed.output };
}

/** The runner made `outputs`, but its task could put a link in its place: it is opened once, as a directory, and files are reached through that. */
async function collectFiles({ paths, result, logger, signal }: Collecting, unfinished: string): Promise<OutputFile[]> {
  const files: OutputFile[] = [];
  if (result === undefined || result.files.length === 0) return files;
  const left = (why: string, name?: string): void =>
    logger.warn({ path: paths.box, name, why }, 'a file that a task left is not taken');
  const outputs = await openDirectory(join(paths.box, 'outputs'));
  if (outputs === undefined) {
    left('outputs is not a directory');
    return files;
  }
  try {
    for (const name of new Set(result.files.map((claimed) => claimed.name))) {
      const file = await openFlat(`/proc/self/fd/${outputs.fd}/${name}`);
      if (file.kind !== 'open') {
        left(file.kind === 'refused' ? file.why : 'it is gone', name);
        continue;
      }
      try {
        if (file.bytes > limits.fileBytes) {
          left(`it has ${file.bytes} bytes, more than the ${limits.fileBytes} allowed`, name);
          continue;
        }
        const { bytes, sha256 } = await copyFile(file.handle, join(unfinished, 'files', name), {
          maximumBytes: limits.fileBytes,
          mode: 0o600,
          signal,
        });
        files.push({ name, bytes, sha256 });
      } finally {
        await file.handle.close();
      }
    }
    return files;
  } finally {
    await outputs.close();
  }
}

async function openDirectory(path: string) {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
