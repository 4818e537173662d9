import { decodeTime } from 'ulid';
import { instant, fromInstant } from './clock.ts';
import type { Context } from './context.ts';
import type { ListedRunner } from './ports/runner-driver.ts';
import type { RunRecord } from './run-record.ts';
import { runIdOf, slotHolder } from './slot-holder.ts';

export interface SweepReport {
  /** Runs whose wake-up was overdue. */
  woken: number;
  /** Schedules whose wake-up was overdue. */
  wokenSchedules: number;
  /** Containers that no record wanted. */
  removedContainers: number;
  /** Places in slot queues that nobody was behind. */
  freedSlots: number;
  /** Records past their time, with everything of theirs. */
  deletedRuns: number;
  /** Files of runs without a record. */
  deletedFiles: number;
}

/** Where the sweep brings what it finds. */
export interface Wake {
  /** Somebody looks at the run soon. */
  run(runId: string): unknown;
  /** The schedule is seen to. Throws where it could not be. */
  schedule(name: string): Promise<void>;
}

const page = 500;

/** Schedules that are seen to beside each other. */
const schedulesAtOnce = 8;

/**
 * Finds what nobody is looking after: overdue runs, containers without a run, slots without a holder, records and files past their time. Each part
 * stands alone: one that fails is logged and does not keep the others from their work. Repeatable, and safe beside other sweeps.
 */
export async function sweep(context: Context, wake: Wake, signal?: AbortSignal): Promise<SweepReport> {
  const report: SweepReport = {
    woken: 0,
    wokenSchedules: 0,
    removedContainers: 0,
    freedSlots: 0,
    deletedRuns: 0,
    deletedFiles: 0,
  };
  const parts = {
    runs: () => wakeOverdue(context, wake.run, report, signal),
    schedules: () => wakeSchedules(context, wake.schedule, report, signal),
    containers: () => removeOrphans(context, wake.run, report, signal),
    slots: () => freeSlots(context, wake.run, report, signal),
    records: () => deleteOld(context, report, signal),
    files: () => deleteStrayFiles(context, report, signal),
  };
  const isOver = (): boolean => signal?.aborted === true;
  for (const [part, work] of Object.entries(parts)) {
    if (isOver()) break;
    try {
      await work();
    } catch (error) {
      // An end of this process in the middle of a sweep is no failure.
      if (isOver()) break;
      context.logger.error({ part, err: error }, 'a part of the sweep failed; it is tried again with the next');
    }
  }
  return report;
}

async function wakeOverdue(
  { storage, clock, policy }: Context,
  wake: (runId: string) => unknown,
  report: SweepReport,
  signal?: AbortSignal,
): Promise<void> {
  const dueBefore = instant(clock.now() - policy.leaseMs);
  for (const { id } of await storage.openRuns({ dueBefore, limit: page }, { signal })) {
    await wake(id);
    report.woken += 1;
  }
}

/** One that cannot be seen to does not keep the others from it. */
async function wakeSchedules(
  { storage, clock, policy, logger }: Context,
  wake: Wake['schedule'],
  report: SweepReport,
  signal?: AbortSignal,
): Promise<void> {
  const dueBefore = instant(clock.now() - policy.leaseMs);
  const due = await storage.dueSchedules({ dueBefore, limit: page }, { signal });
  while (due.length > 0) {
    const some = due.splice(0, schedulesAtOnce).map(async ({ name }) => {
      try {
        await wake(name);
        report.wokenSchedules += 1;
      } catch (error) {
        logger.error({ schedule: name, err: error }, 'could not see to a schedule; the next sweep tries again');
      }
    });
    await Promise.all(some);
  }
}

/** Joins containers with records: an open run looks after its own, anything else goes once it is older than any create takes. */
async function removeOrphans(
  context: Context,
  wake: (runId: string) => unknown,
  report: SweepReport,
  signal?: AbortSignal,
): Promise<void> {
  const { driver, storage, artifacts, clock, policy, instanceId } = context;
  for await (const listed of driver.list({ instanceId }, { signal })) {
    if (clock.now() - fromInstant(listed.createdAt) < policy.sweepGraceMs) continue;
    const run = await storage.getRun(listed.runId, { signal });
    const fate = fateOf(listed, run);
    if (fate === 'wanted') continue;
    if (fate === 'wake') {
      await wake(listed.runId);
      continue;
    }
    const container = { container: listed.name, runId: listed.runId };
    try {
      await driver.remove(listed.name, { signal });
      await artifacts.exchange({ runId: listed.runId, attempt: listed.attempt }).discard({ signal });
      report.removedContainers += 1;
      context.logger.warn(container, 'removed a container that no run wanted any more');
    } catch (error) {
      context.logger.error({ ...container, err: error }, 'could not remove a container; the next sweep tries again');
    }
  }
}

export function fateOf(listed: ListedRunner, run: RunRecord | undefined): 'wanted' | 'wake' | 'remove' {
  const attempt = run?.attempts.find(({ number }) => number === listed.attempt);
  if (run === undefined || attempt === undefined || attempt.containerGone) return 'remove';
  return run.open ? 'wanted' : 'wake';
}

async function freeSlots(
  { storage, clock, policy }: Context,
  wake: (runId: string) => unknown,
  report: SweepReport,
  signal?: AbortSignal,
): Promise<void> {
  const before = instant(clock.now() - policy.sweepGraceMs);
  let after: { key: string; holder: string } | undefined;
  for (;;) {
    const entries = await storage.slotEntries(
      { before, limit: page, ...(after === undefined ? {} : { after }) },
      { signal },
    );
    for (const { key, holder } of entries) {
      const run = await storage.getRun(runIdOf(holder), { signal });
      if (run !== undefined && isBehind(run, key, holder)) continue;
      const next = await storage.releaseSlot(key, holder, { signal });
      report.freedSlots += 1;
      if (next !== undefined) await wake(runIdOf(next));
    }
    const last = entries.at(-1);
    if (entries.length < page || last === undefined) return;
    after = { key: last.key, holder: last.holder };
  }
}

function isBehind(run: RunRecord, key: string, holder: string): boolean {
  return run.open && slotHolder(run) === holder && run.slots.some((slot) => slot.key === key);
}

/** Files first: a record without files can be deleted again, files without a record would have to be found. One that cannot be deleted does not keep the younger ones from it. */
async function deleteOld(
  { storage, artifacts, clock, policy, logger }: Context,
  report: SweepReport,
  signal?: AbortSignal,
): Promise<void> {
  const before = instant(clock.now() - policy.keepRecordsMs);
  const failed = new Set<string>();
  for (;;) {
    const limit = page + failed.size;
    const ids = await storage.endedRuns({ before, limit }, { signal });
    for (const id of ids.filter((each) => !failed.has(each))) {
      try {
        await artifacts.deleteRun(id, { signal });
        await storage.deleteRun(id, { signal });
        report.deletedRuns += 1;
      } catch (error) {
        signal?.throwIfAborted();
        logger.error({ runId: id, err: error }, 'a run past its time could not be deleted; the next sweep tries again');
        failed.add(id);
        if (failed.size >= page) return;
      }
    }
    if (ids.length < limit) return;
  }
}

/**
 * The id of a run tells its age, and the oldest are listed first. Files of a run whose record may still be kept are not looked at: to read all those records with each
 * sweep would cost more than everything else that Errand does.
 */
async function deleteStrayFiles(
  { storage, artifacts, clock, policy, logger }: Context,
  report: SweepReport,
  signal?: AbortSignal,
): Promise<void> {
  for await (const id of artifacts.listRuns({ signal })) {
    if (clock.now() - decodeTime(id.toUpperCase()) < policy.keepRecordsMs) return;
    if ((await storage.getRun(id, { signal })) !== undefined) continue;
    try {
      await artifacts.deleteRun(id, { signal });
      report.deletedFiles += 1;
    } catch (error) {
      signal?.throwIfAborted();
      logger.error({ runId: id, err: error }, 'files of no run could not be deleted; the next sweep tries again');
    }
  }
}
