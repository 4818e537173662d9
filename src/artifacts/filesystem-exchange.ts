import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { limits } from '../contract/limits.ts';
import { outputNamePattern } from '../contract/names.ts';
import type { Clock } from '../core/clock.ts';
import { loggerWith, type Logger } from '../core/logger.ts';
import type { AttemptRef, Exchange, LogSlice } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { createFile, removeUnfinished } from './durable-file.ts';
import { collect } from './exchange-collect.ts';
import { readFence, saveFence, takeFence } from './exchange-fence.ts';
import { logLimit, openExchange } from './exchange-open.ts';
import { exchangePaths, type ExchangePaths } from './exchange-paths.ts';
import { watchPath } from './exchange-watch.ts';
import type { ExecutableCache } from './executable-cache.ts';
import { unlessMissing } from './file-errors.ts';
import { openFlat, readFlat, readRange } from './flat-file.ts';
import { removeTree } from './remove-tree.ts';
import { parseResult } from './result-text.ts';

export interface FilesystemExchangeOptions {
  directory: string;
  cache: ExecutableCache;
  clock: Clock;
  logger: Logger;
  /** A path of ours as the engine of the containers sees it. */
  onHost(path: string): string;
  /** Runs a step once the store is ready, and puts its errors into our words. */
  guard<T>(work: () => Promise<T>, options?: Cancelable): Promise<T>;
}

export function filesystemExchange(ref: AttemptRef, options: FilesystemExchangeOptions): Exchange {
  const { directory, clock, guard } = options;
  const logger = loggerWith(options.logger, { runId: ref.runId });
  const paths = exchangePaths(directory, ref);

  return {
    open: (plan, { signal } = {}) =>
      guard(() => openExchange(ref, paths, plan, { cache: options.cache, onHost: options.onHost, signal }), { signal }),
    fence: (given) => guard(() => readFence(paths), given),
    takeFence: (fence, given) => guard(() => takeFence(paths, fence), given),
    result: (given) => guard(() => readResult(paths), given),
    collect: (result, { signal } = {}) => guard(() => collect({ paths, result, logger, signal }), { signal }),
    readLog: (range, given) => guard(() => readLog(paths, range), given),

    readFile: (name, given) =>
      guard(async () => {
        if (!outputNamePattern.test(name)) return undefined;
        const handle = await unlessMissing(open(join(paths.collected, 'files', name)));
        if (handle === undefined) return undefined;
        const { size } = await handle.stat();
        return { bytes: size, body: Readable.toWeb(handle.createReadStream()) };
      }, given),

    async *watch(of, { signal }) {
      if (signal.aborted) return;
      await guard(() => Promise.resolve(), { signal });
      const isRelevant = (name: string): boolean =>
        of === 'log' ? name === 'log' : name === 'fence' || name === 'result.json';
      yield* watchPath({
        root: join(directory, 'exchanges'),
        segments: [ref.runId, String(ref.attempt), 'box'],
        isRelevant,
        clock,
        logger,
        signal,
      });
    },

    discard: (given) =>
      guard(async () => {
        await mkdir(paths.attempt, { recursive: true, mode: 0o700 });
        await createFile(paths.discarded, '', 0o600);
        await saveFence(paths);
        await removeTree(paths.box, given);
        // An orchestrator that died in the middle of opening may have left a ticket there, with secret values in it; in the middle of collecting, half a log.
        await removeUnfinished(paths.attempt);
        await removeUnfinished(paths.run);
      }, given),
  };
}

async function readResult(paths: ExchangePaths): ReturnType<Exchange['result']> {
  const file = await readFlat(join(paths.box, 'result.json'), limits.resultBytes);
  if (file.kind === 'absent') return undefined;
  if (file.kind === 'refused') return { invalid: `result.json cannot be taken: ${file.why}` };
  return parseResult(file.bytes.toString());
}

/** The collected log once there is one, else what the runner has written so far. */
async function readLog(
  paths: ExchangePaths,
  { offset, length }: { offset: number; length: number },
): Promise<LogSlice | undefined> {
  const collected = await openFlat(join(paths.collected, 'log'));
  const file = collected.kind === 'open' ? collected : await openFlat(join(paths.box, 'log'));
  if (file.kind !== 'open') return undefined;
  try {
    const size = Math.min(file.bytes, await logLimit(paths));
    const start = Math.min(Math.max(offset, 0), size);
    return { offset: start, bytes: await readRange(file.handle, start, Math.min(length, size - start)), size };
  } finally {
    await file.handle.close();
  }
}
