import { watch as watchDirectory, type FSWatcher } from 'node:fs';
import { basename, join } from 'node:path';
import { rest, type Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { errnoOf } from './file-errors.ts';

/** Looks without an event, for file systems that report none and watches that the system refuses. */
const safetyMs = 5_000;

/** Events that come closer together than this are one. */
const settleMs = 20;

interface WatchOptions {
  /** A directory that is always there. */
  root: string;
  /** Names of the directories from there down to the one that is watched; any of them may be missing, appear and vanish. */
  segments: readonly string[];
  /** Whether a change of this name in the last directory matters. */
  isRelevant(name: string): boolean;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

/** Yields at once and after each relevant change. Watches the deepest directory that exists, and goes down as the next ones appear. */
export async function* watchPath({
  root,
  segments,
  isRelevant,
  clock,
  logger,
  signal,
}: WatchOptions): AsyncGenerator<void, void, undefined> {
  let watcher: FSWatcher | undefined;
  let changed = true;
  let wake = (): void => {};

  const touch = (): void => {
    changed = true;
    wake();
  };

  function attach(): void {
    watcher?.close();
    watcher = undefined;
    for (let depth = segments.length; depth >= 0 && !signal.aborted; depth -= 1) {
      const next = open(depth);
      if (next === 'missing') continue;
      watcher = next;
      // The directory below may have appeared between the two looks; its event would have had no watcher.
      const below = depth < segments.length ? open(depth + 1) : 'missing';
      if (below !== 'missing') {
        below?.close();
        watcher?.close();
        depth = segments.length + 1;
        continue;
      }
      return;
    }
  }

  /** Undefined where the system refuses to watch. */
  function open(depth: number): FSWatcher | 'missing' | undefined {
    const path = join(root, ...segments.slice(0, depth));
    try {
      const opened = watchDirectory(path, { persistent: false }, (_, name) => onEvent(depth, path, name));
      opened.on('error', touch);
      return opened;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return 'missing';
      logger.warn({ err: error, path }, 'a directory cannot be watched; it is looked at every five seconds instead');
      return undefined;
    }
  }

  function onEvent(depth: number, path: string, name: string | null): void {
    const isLast = depth === segments.length;
    // An event of the directory itself, its removal among them, carries its own name.
    if (name === null || name === basename(path) || name === segments[depth]) {
      attach();
      touch();
    } else if (isLast && isRelevant(name)) touch();
  }

  signal.addEventListener('abort', touch, { once: true });
  try {
    attach();
    while (!signal.aborted) {
      if (changed) {
        changed = false;
        yield;
        await rest(clock, settleMs, signal);
        continue;
      }
      const quiet = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const cancel = clock.after(safetyMs, () => {
        attach();
        touch();
      });
      await quiet;
      cancel();
    }
  } finally {
    watcher?.close();
    signal.removeEventListener('abort', touch);
  }
}
