import { Readable } from 'node:stream';
import { limits } from '../contract/limits.ts';
import { outputNamePattern } from '../contract/names.ts';
import type { Clock } from '../core/clock.ts';
import { loggerWith, type Logger } from '../core/logger.ts';
import type { AttemptRef, Exchange, FileFolder, LogSlice } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { BlobContainer } from './azure-blob-container.ts';
import type { BlobSigner } from './azure-blob-signer.ts';
import { collect, logLimit, readCollected } from './azure-exchange-collect.ts';
import { readFence, takeFence } from './azure-exchange-fence.ts';
import { exchangeNames, isMark, type ExchangeNames } from './azure-exchange-names.ts';
import { openExchange } from './azure-exchange-open.ts';
import { watchExchange } from './azure-exchange-watch.ts';
import { readBlob, readBlobRange } from './azure-read-blob.ts';
import { parseResult } from './result-text.ts';

export interface AzureExchangeOptions {
  tasks: BlobContainer;
  exchanges: BlobContainer;
  files: FileFolder;
  versions: FileFolder;
  signer: BlobSigner;
  clock: Clock;
  logger: Logger;
  /** Undefined: whoever watches is told nothing. */
  pollMs: number | undefined;
  /** Runs a step and puts its errors into our words. */
  guard<T>(work: () => Promise<T>, options?: Cancelable): Promise<T>;
}

/** Where a runner with signed URLs and the orchestrator meet: blobs below `exchanges/<runId>/<attempt>/`. */
export function azureExchange(ref: AttemptRef, options: AzureExchangeOptions): Exchange {
  const { clock, exchanges, files, guard, pollMs, signer, tasks, versions } = options;
  const logger = loggerWith(options.logger, { runId: ref.runId });
  const names = exchangeNames(ref);

  return {
    open: (plan, given = {}) =>
      guard(() => openExchange({ ref, names, exchanges, tasks, files, versions, signer }, plan, given), given),
    fence: (given = {}) => guard(() => readFence(exchanges, names, given), given),
    takeFence: (fence, given = {}) => guard(() => takeFence(exchanges, names, fence, given), given),
    result: (given = {}) => guard(() => readResult(exchanges, names, given), given),
    collect: (result, given = {}) => guard(() => collect({ exchanges, names, result, logger, given }), given),
    readLog: (range, given = {}) => guard(() => readLog(exchanges, names, range, given), given),

    readFile: (name, given = {}) =>
      guard(async () => {
        if (!outputNamePattern.test(name)) return undefined;
        const file = (await readCollected(exchanges, names, given))?.files.find((each) => each.name === name);
        if (file === undefined) return undefined;
        const found = await exchanges.stream(names.file(file.slot), given);
        if (found === undefined) return undefined;
        return { bytes: found.head.bytes, body: Readable.toWeb(found.body) };
      }, given),

    async *watch(of, { signal }) {
      if (signal.aborted || pollMs === undefined) return;
      yield* watchExchange({
        exchanges,
        names,
        of,
        pollMs,
        guard: (work) => guard(work, { signal }),
        clock,
        logger,
        signal,
      });
    },

    discard: (given = {}) => guard(() => discard(exchanges, names, given), given),
  };
}

async function readResult(
  exchanges: BlobContainer,
  names: ExchangeNames,
  given: Cancelable,
): ReturnType<Exchange['result']> {
  const file = await readBlob(exchanges, names.result, limits.resultBytes, given);
  if (file === undefined) return undefined;
  // The signature that made it outlives it: once discarded, what is here is no result.
  if ((await exchanges.head(names.discarded, given)) !== undefined) return undefined;
  if (file.head.bytes > limits.resultBytes)
    return {
      invalid: `result.json cannot be taken: it has ${file.head.bytes} bytes, more than the ${limits.resultBytes} allowed`,
    };
  return parseResult(file.bytes.toString());
}

/** An empty log is none yet: it was made when the exchange was opened. */
async function readLog(
  exchanges: BlobContainer,
  names: ExchangeNames,
  { offset, length }: { offset: number; length: number },
  given: Cancelable,
): Promise<LogSlice | undefined> {
  const start = Math.max(offset, 0);
  const found = await readBlobRange(exchanges, names.log, { offset: start, length: Math.max(length, 0) }, given);
  if (found === undefined || found.head.bytes === 0) return undefined;
  const size = logLimit(found.head);
  const from = Math.min(start, size);
  return { offset: from, bytes: found.bytes.subarray(0, size - from), size };
}

/** The mark comes first: an opener that is under way finds it. What was collected stays where it is. */
async function discard(exchanges: BlobContainer, names: ExchangeNames, given: Cancelable): Promise<void> {
  await exchanges.put(names.discarded, '', { ifNoneMatch: '*', ...given });
  const collected = await readCollected(exchanges, names, given);
  const kept = collected === undefined ? [] : [names.log, ...collected.files.map(({ slot }) => names.file(slot))];
  for await (const { name } of exchanges.list(names.folder, { flat: true, ...given }))
    if (!isMark(names, name) && !kept.includes(name)) await exchanges.remove(name, given);
}
