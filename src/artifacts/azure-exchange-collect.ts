import { ErrandError } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import type { LogFacts, OutputFile } from '../contract/run.ts';
import type { Logger } from '../core/logger.ts';
import type { Collected } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { RunnerResult } from '../core/runner-result.ts';
import type { BlobContainer, BlobHead } from './azure-blob-container.ts';
import { fileSlots, type ExchangeNames } from './azure-exchange-names.ts';
import { logLimitKey } from './azure-exchange-open.ts';
import { readBlob } from './azure-read-blob.ts';
import { emptySha256, logFacts } from './log-facts.ts';
import { parseOutput } from './output-json.ts';
import { readStream, streamFacts } from './stream-facts.ts';

interface Collecting {
  exchanges: BlobContainer;
  names: ExchangeNames;
  result: RunnerResult | undefined;
  logger: Logger;
  given: Cancelable;
}

/** `collected.json`. */
interface Stored {
  version: 1;
  collected: Collected;
  /** Where the files lie. */
  files: { name: string; slot: number }[];
}

/**
 * Nothing is copied: the log is sealed, which no signature of a task undoes, and files were create-only from the beginning. One create-only write
 * of what was found makes it valid: the first to get there decides, for ever.
 */
export async function collect(collecting: Collecting): Promise<Collected> {
  const { exchanges, names, given } = collecting;
  const before = await readCollected(exchanges, names, given);
  if (before !== undefined) return before.collected;
  const found = await collectFiles(collecting);
  const collected: Collected = {
    log: await collectLog(collecting),
    ...(await collectOutput(collecting)),
    files: found.map(({ file }) => file),
  };
  const stored: Stored = {
    version: 1,
    collected,
    files: found.map(({ file, slot }) => ({ name: file.name, slot })),
  };
  const text = JSON.stringify(stored);
  if (await exchanges.put(names.collected, text, { contentType: 'application/json', ifNoneMatch: '*', ...given }))
    return collected;
  const others = await readCollected(exchanges, names, given);
  if (others !== undefined) return others.collected;
  throw new ErrandError(
    'artifactsUnavailable',
    `What was collected in ${names.folder} was removed at the same time. Look at the run again.`,
  );
}

export async function readCollected(
  exchanges: BlobContainer,
  names: ExchangeNames,
  { signal }: Cancelable,
): Promise<Stored | undefined> {
  const found = await exchanges.stream(names.collected, { signal });
  return found === undefined ? undefined : (JSON.parse((await readStream(found.body, Infinity)).toString()) as Stored);
}

/** The most that a log may have: what comes after it is nobody's. */
export function logLimit(head: BlobHead): number {
  const limit = Number(head.metadata[logLimitKey]);
  return Number.isFinite(limit) ? Math.min(limit, head.bytes) : head.bytes;
}

/** The runner's word on what is missing counts only where it is right about what is there. */
async function collectLog({ exchanges, names, result, given }: Collecting): Promise<LogFacts> {
  const claimed = result?.log;
  await exchanges.seal(names.log, given);
  const head = await exchanges.head(names.log, given);
  const size = head === undefined ? 0 : logLimit(head);
  if (head === undefined || size === 0)
    return logFacts({ bytes: 0, lines: 0, sha256: emptySha256 }, claimed?.bytes === 0 ? claimed : undefined);
  const log = await exchanges.stream(names.log, { length: size, ...given });
  if (log === undefined) throw new ErrandError('artifactsUnavailable', `${names.log} vanished while it was read.`);
  const facts = await streamFacts(log.body);
  return logFacts(facts, claimed?.bytes === facts.bytes && head.bytes === size ? claimed : undefined);
}

async function collectOutput({
  exchanges,
  names,
  result,
  given,
}: Collecting): Promise<{ output?: unknown; outputProblem?: string }> {
  if (result === undefined || !result.output) return {};
  const file = await readBlob(exchanges, names.output, limits.outputBytes + 1, given);
  if (file === undefined) return { outputProblem: 'the runner saw $ERRAND_OUTPUT, but it is gone' };
  const parsed = parseOutput(file.bytes);
  return 'problem' in parsed
    ? { outputProblem: `$ERRAND_OUTPUT is not taken: ${parsed.problem}` }
    : { output: parsed.output };
}

async function collectFiles({ exchanges, names, result, logger, given }: Collecting) {
  const files: { file: OutputFile; slot: number }[] = [];
  const left = (why: string, name: string): void =>
    logger.warn({ folder: names.folder, name, why }, 'a file that a task left is not taken');
  for (const { name, slot } of result?.files ?? []) {
    if (files.some(({ file }) => file.name === name)) continue;
    if (slot === undefined || !fileSlots.includes(slot)) {
      left('the result does not say where it lies', name);
      continue;
    }
    const head = await exchanges.head(names.file(slot), given);
    if (head !== undefined && head.bytes > limits.fileBytes) {
      left(`it has ${head.bytes} bytes, more than the ${limits.fileBytes} allowed`, name);
      continue;
    }
    const found = head && (await exchanges.stream(names.file(slot), { ifMatch: head.etag, ...given }));
    if (found === undefined) {
      left('it is gone', name);
      continue;
    }
    const { bytes, sha256 } = await streamFacts(found.body);
    files.push({ file: { name, bytes, sha256 }, slot });
  }
  return files;
}
