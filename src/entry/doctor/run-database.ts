import { stat } from 'node:fs/promises';
import { instant, type Clock } from '../../core/clock.ts';
import { counted } from '../../core/problems.ts';
import { inspectDatabase, overdueRuns, runsWithDeadWebhooks } from '../../storage/sqlite-inspection.ts';
import { bytesText } from '../terminal/time-text.ts';
import { fail, ok, warn, type Said, type Step } from './finding.ts';

export const databaseName = 'run database';

/** The check blocks this process, and cannot be ended: a larger one would break the promise that each step ends in time. */
const largestChecked = 2 * 1024 ** 3;

/** Wake-ups and the sweep, which comes every minute, would have looked at a run by then. */
const overdueMs = 10 * 60_000;
export const mostNamed = 5;

/** That the run database is sound. Never makes one. */
export function databaseStep(path: string): Step {
  return {
    name: databaseName,
    look: async () => {
      const bytes = await sizeOf(path);
      if (bytes === undefined) return [ok(`${path} is not there yet; the first start makes it`)];
      if (bytes > largestChecked)
        return [
          warn(
            `${path} has ${bytesText(bytes)}, too much to be checked here`,
            'Check a copy, which servers need not wait for: "errand backup <target>" makes one and checks it.',
          ),
        ];
      const { damages, schema, newestSchema } = inspectDatabase(path);
      if (damages.length > 0)
        return [
          fail(
            `${path} is damaged: ${damages.join('; ')}`,
            'Stop Errand, move the file and those beside it with -wal and -shm away, and put a backup made by "errand backup" in its place. Check the disk, too.',
          ),
        ];
      const older = schema < newestSchema ? `; schema ${schema}, which the next start brings to ${newestSchema}` : '';
      return [ok(`${path} is sound (${bytesText(bytes)}${older})`)];
    },
  };
}

/** Runs that nobody looks at. */
export function openRunsStep(path: string, clock: Clock): Step {
  return {
    name: 'open runs',
    needs: [databaseName],
    look: async () => {
      if ((await sizeOf(path)) === undefined) return [ok('there are none')];
      const before = instant(clock.now() - overdueMs);
      return [
        overdueSaid(
          overdueRuns(path, { before, limit: mostNamed + 1 }),
          overdueMs,
          'Start the server, which takes them up again ("errand serve"). If it runs, its log says why it does not get to them.',
        ),
      ];
    },
  };
}

/** As many of the latest runs are looked through for webhooks that were given up. */
const looked = 10_000;

/** Receivers that were never told. */
export function webhooksStep(path: string): Step {
  return {
    name: 'webhooks',
    needs: [databaseName],
    look: async () => {
      if ((await sizeOf(path)) === undefined) return [ok('none was given up')];
      return [deadWebhooksSaid(runsWithDeadWebhooks(path, { among: looked, limit: mostNamed + 1 }))];
    },
  };
}

export function deadWebhooksSaid(ids: readonly string[]): Said {
  if (ids.length === 0) return ok('none was given up');
  const named = ids.slice(0, mostNamed).join(', ');
  return warn(
    `webhooks of ${ids.length > mostNamed ? `more than ${mostNamed} runs` : counted(ids.length, 'run')} were given up: ${named}${ids.length > mostNamed ? ', …' : ''}`,
    '"errand show <id>" says why. Once their receivers are mended: "errand webhooks redeliver <id>".',
  );
}

export function overdueSaid(ids: readonly string[], byMs: number, mend: string): Said {
  if (ids.length === 0) return ok('none waits for longer than it should');
  const more = ids.length > mostNamed ? ' and more' : '';
  return warn(
    `nobody has looked at ${ids.slice(0, mostNamed).join(', ')}${more}, though the time for it was over ${byMs / 60_000} minutes ago`,
    mend,
  );
}

/** Undefined where it is not there. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
