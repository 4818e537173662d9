import type { RunChange } from '../contract/overview.ts';
import type { Context } from './context.ts';
import type { RunRecord } from './run-record.ts';

/** Tells of changes of any run, whichever process makes them. */
export interface ChangeFeed {
  /** Calls back with what has changed since this resolved, until the returned function is called. What is told may be told twice. */
  listen(callback: (changes: readonly RunChange[]) => void): Promise<() => void>;
}

/** Between two looks though nothing rang: changes that another process made ring nowhere. */
const safetyMs = 2_000;
/** However much rings, storage is not asked more often than this. */
const leastMs = 200;
/** A look reads these: the newest runs, the open ones that are due soonest, and the records of what changed elsewhere. */
const newest = 50;
const open = 200;
const records = 100;

/**
 * One look at storage serves all who listen, and nobody looks while nobody listens. A change by this process is told at once; one by another process is
 * seen within two seconds where the run is among the newest or among the open ones that are due soonest.
 */
export function changeFeed(
  { storage, clock, logger }: Pick<Context, 'storage' | 'clock' | 'logger'>,
  onAnyChange: (callback: (runId: string) => void) => () => void,
): ChangeFeed {
  const listeners = new Set<(changes: readonly RunChange[]) => void>();
  let versions = new Map<string, number>();
  let wakeUps = new Map<string, string>();
  /** Runs of which something may have changed, and whose records were not read yet. */
  const pending = new Set<string>();
  let beginning: Promise<void> | undefined;
  let wake = (): void => {};

  async function look(): Promise<RunChange[]> {
    const rung = [...pending].slice(0, records);
    for (const id of rung) pending.delete(id);
    try {
      const [openRuns, page] = await Promise.all([
        storage.openRuns({ limit: open }),
        storage.listRuns({}, { limit: newest }),
      ]);
      const changed = new Map<string, RunChange>();
      for (const run of page.runs) if (versions.get(run.id) !== run.version) changed.set(run.id, toChange(run));
      const wakeUpsNow = new Map(openRuns.map(({ id, wakeAt }) => [id, wakeAt]));
      const moved = [...new Set([...wakeUps.keys(), ...wakeUpsNow.keys()])].filter(
        (id) => wakeUps.get(id) !== wakeUpsNow.get(id),
      );
      versions = new Map(page.runs.map(({ id, version }) => [id, version]));
      wakeUps = wakeUpsNow;
      const unread = [...new Set([...rung, ...moved])].filter((id) => !changed.has(id) && !versions.has(id));
      for (const id of unread.slice(records)) pending.add(id);
      const found = await Promise.all(unread.slice(0, records).map((id) => storage.getRun(id)));
      for (const run of found) if (run !== undefined) changed.set(run.id, toChange(run));
      return [...changed.values()];
    } catch (error) {
      for (const id of rung) pending.add(id);
      throw error;
    }
  }

  async function begin(): Promise<void> {
    const stopRinging = onAnyChange((id) => {
      pending.add(id);
      wake();
    });
    try {
      await look();
    } catch (error) {
      stopRinging();
      throw error;
    }
    follow(stopRinging).catch((error: unknown) => logger.error({ err: error }, 'nobody tells of changes any more'));
  }

  async function follow(stopRinging: () => void): Promise<void> {
    while (listeners.size > 0) {
      await clock.sleep(leastMs);
      if (pending.size === 0) await ringOrTime(safetyMs - leastMs);
      try {
        const changes = await look();
        if (changes.length > 0) for (const tell of listeners) tell(changes);
      } catch (error) {
        if (listeners.size === 0) break;
        logger.warn({ err: error }, 'changes of runs cannot be seen; looking again');
        await clock.sleep(safetyMs);
      }
    }
    stopRinging();
    pending.clear();
    beginning = undefined;
  }

  function ringOrTime(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  }

  return {
    listen: async (callback) => {
      listeners.add(callback);
      const stop = (): void => {
        listeners.delete(callback);
        if (listeners.size === 0) wake();
      };
      try {
        beginning ??= begin();
        await beginning;
      } catch (error) {
        beginning = undefined;
        stop();
        throw error;
      }
      return stop;
    },
  };
}

function toChange({ id, taskName, state, version }: RunRecord): RunChange {
  return { id, taskName, state, version };
}
