import { limits } from '../contract/limits.ts';
import type { Overview } from '../contract/overview.ts';
import { fromInstant, instant } from './clock.ts';
import type { Context } from './context.ts';
import type { Definitions } from './definitions.ts';
import { summarizeRuns } from './summarize-runs.ts';
import { openPlaces } from './open-places.ts';
import type { RunFilter } from './ports/storage.ts';
import type { RunRecord } from './run-record.ts';

export interface OverviewQuery {
  /** Milliseconds since the epoch. */
  since: number;
  /** The only tasks that exist for who asks; undefined where all do. */
  tasks?: readonly string[] | undefined;
}

const openStates = ['queued', 'starting', 'running'] as const;

/**
 * How things stand. Its cost is bounded: it reads at most `limits.overviewRuns` of the latest runs and `limits.pageSize` of the open ones in each state,
 * the slots of each place, and the task definitions.
 */
export async function overview(
  { storage, driver, clock }: Pick<Context, 'storage' | 'driver' | 'clock'>,
  definitions: Pick<Definitions, 'list'>,
  { since, tasks }: OverviewQuery,
): Promise<Overview> {
  const filters: RunFilter[] = tasks === undefined ? [{}] : tasks.map((taskName) => ({ taskName }));
  const share = Math.max(1, Math.floor(limits.overviewRuns / filters.length));

  async function latest(filter: RunFilter): Promise<{ runs: RunRecord[]; complete: boolean }> {
    const runs: RunRecord[] = [];
    let cursor: string | undefined;
    do {
      const limit = Math.min(limits.pageSize, share - runs.length);
      const page = await storage.listRuns({ ...filter, since: instant(since) }, { limit, cursor });
      runs.push(...page.runs);
      cursor = page.cursor;
    } while (cursor !== undefined && runs.length < share);
    return { runs, complete: cursor === undefined };
  }

  const openOf = async (filter: RunFilter): Promise<RunRecord[]> => {
    const pages = await Promise.all(
      openStates.map((state) => storage.listRuns({ ...filter, states: [state] }, { limit: limits.pageSize })),
    );
    return pages.flatMap(({ runs }) => runs);
  };

  // Of several things that fail at once each is waited for.
  const openCounts = async () => (tasks === undefined ? await storage.countOpen() : undefined);

  const [found, openRuns, counts, summaries] = await Promise.all([
    Promise.all(filters.map(latest)),
    Promise.all(filters.map(openOf)).then((all) => all.flat()),
    openCounts(),
    definitions.list(),
  ]);
  const runs = found.flatMap((each) => each.runs).toSorted((a, b) => (a.id < b.id ? 1 : -1));
  const complete = found.every((each) => each.complete);
  const oldest = runs.at(-1);
  const countOf = (state: (typeof openStates)[number]): number =>
    counts === undefined ? openRuns.filter((run) => run.state === state).length : (counts[state] ?? 0);
  return summarizeRuns({
    at: clock.now(),
    since: complete || oldest === undefined ? since : fromInstant(oldest.createdAt),
    complete,
    runs,
    openRuns,
    open: { queued: countOf('queued'), starting: countOf('starting'), running: countOf('running') },
    invalidTasks: summaries.filter(
      ({ taskName, valid }) => !valid && (tasks === undefined || tasks.includes(taskName)),
    ),
    places: await openPlaces({ storage, driver }, tasks === undefined ? openRuns : undefined),
  });
}
