import { rest, type Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { BlobContainer } from './azure-blob-container.ts';
import type { ExchangeNames } from './azure-exchange-names.ts';

interface WatchOptions {
  exchanges: BlobContainer;
  names: ExchangeNames;
  of: 'state' | 'log';
  /** The first pause; it grows by a half with each look that finds nothing new, to ten times as much. */
  pollMs: number;
  /** Puts errors into our words. */
  guard<T>(work: () => Promise<T>): Promise<T>;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

const growth = 1.5;
const longest = 10;

/** Blob storage tells nobody who is not on the internet: looks now and then. Yields at once, and after each look that found something new. */
export async function* watchExchange(options: WatchOptions): AsyncGenerator<void, void, undefined> {
  const { clock, guard, logger, names, pollMs, signal } = options;
  const look = looker(options);
  let pause = pollMs;
  let isFailing = false;
  let isNews = true;
  while (!signal.aborted) {
    try {
      isNews = (await guard(look)) || isNews;
      isFailing = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!isFailing)
        logger.warn({ folder: names.folder, err: error }, 'an exchange cannot be watched now; it is looked at again');
      isFailing = true;
    }
    if (isNews) {
      isNews = false;
      pause = pollMs;
      yield;
    }
    await rest(clock, pause, signal);
    pause = Math.min(pause * growth, pollMs * longest);
  }
}

/** A look tells whether there is something new. Fence and result never change: what was found is not looked at again. */
function looker({ exchanges, names, of, signal }: WatchOptions): () => Promise<boolean> {
  const seen = new Map<string, string>();
  return async () => {
    const wanted = of === 'log' ? [names.log] : [names.fence, names.result].filter((name) => !seen.has(name));
    const heads = await Promise.all(
      wanted.map(async (name) => ({ name, head: await exchanges.head(name, { signal }) })),
    );
    let isNew = false;
    for (const { name, head } of heads) {
      if (head === undefined || seen.get(name) === head.etag) continue;
      seen.set(name, head.etag);
      isNew = true;
    }
    return isNew;
  };
}
