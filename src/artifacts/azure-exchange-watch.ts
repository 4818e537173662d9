import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { BlobContainer } from './azure-blob-container.ts';
import type { ExchangeNames } from './azure-exchange-names.ts';

interface WatchOptions {
  exchanges: BlobContainer;
  names: ExchangeNames;
  of: 'state' | 'log';
  /** The first pause; it grows by a half with each look that finds nothing new, to ten times as much. */
  pollMs: number;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

const growth = 1.5;
const longest = 10;

/** Blob storage tells nobody who is not on the internet: looks now and then. Yields at once, and after each look that found something new. */
export async function* watchExchange(options: WatchOptions): AsyncGenerator<void, void, undefined> {
  const { clock, logger, names, pollMs, signal } = options;
  let seen = await look(options);
  let pause = pollMs;
  let isFailing = false;
  yield;
  while (!signal.aborted) {
    await clock.sleep(pause, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    pause = Math.min(pause * growth, pollMs * longest);
    try {
      const now = await look(options);
      isFailing = false;
      if (now === seen) continue;
      seen = now;
      pause = pollMs;
    } catch (error) {
      if (signal.aborted) return;
      if (!isFailing)
        logger.warn({ folder: names.folder, err: error }, 'an exchange cannot be watched now; looking again');
      isFailing = true;
      continue;
    }
    yield;
  }
}

/** Changes with what is looked at: which of fence and result are there, neither of which changes; or the log's ETag. */
async function look({ exchanges, names, of, signal }: WatchOptions): Promise<string> {
  const blobs = of === 'log' ? [names.log] : [names.fence, names.result];
  const heads = await Promise.all(blobs.map((name) => exchanges.head(name, { signal })));
  return heads.map((head) => head?.etag ?? '').join(' ');
}
