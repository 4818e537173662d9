import { z } from 'zod';
import { waitingSchema } from './run.ts';
import { runStates, terminalStates } from './run-states.ts';

const instant = z.iso.datetime();
const count = z.int().min(0);

/** That something about a run has changed; what, its record tells. */
export const runChangeSchema = z
  .object({ id: z.string(), taskName: z.string(), state: z.enum(runStates), version: z.int() })
  .meta({ id: 'RunChange' });
export type RunChange = z.infer<typeof runChangeSchema>;

/** Why somebody should have a look. */
export const attentionKinds = ['lost', 'stale', 'failing', 'waiting', 'invalidTask'] as const;

/** How things stand, from the latest runs. */
export const overviewSchema = z
  .object({
    at: instant,
    since: instant.meta({ description: 'Runs accepted from here on were counted' }),
    runs: count.meta({ description: 'How many these were' }),
    complete: z.boolean().meta({
      description: 'False where more runs were asked for than are looked at: since is then that of the oldest one',
    }),
    open: z.object({ queued: count, starting: count, running: count }).meta({
      description: 'Runs that have not ended, whenever they were accepted',
    }),
    waiting: z
      .array(z.object({ reason: waitingSchema.shape.reason, message: z.string(), runs: count, oldest: instant }))
      .meta({ description: 'What queued runs wait for, most runs first' }),
    ended: z.partialRecord(z.enum(terminalStates), count),
    successRate: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .meta({ description: 'Of the runs that have ended and were not canceled' }),
    startMs: z
      .object({ p50: count, p95: count, runs: count })
      .optional()
      .meta({ description: 'From accepting a run to the start of its executable, in milliseconds' }),
    cost: z.object({ currency: z.string(), amount: z.number() }).optional(),
    bucketSeconds: z.int().min(1),
    series: z.array(
      z.object({
        from: instant,
        succeeded: count,
        unsuccessful: count,
        canceled: count,
        open: count,
        cost: z.number().min(0),
      }),
    ),
    places: z
      .array(
        z.object({
          name: z.string(),
          runners: count.meta({ description: 'How many may be there at once' }),
          held: count.meta({ description: 'How many are' }),
          cpu: z.number().optional().meta({ description: 'CPUs that all of them together may have' }),
          cpuHeld: z.number().optional(),
        }),
      )
      .meta({ description: 'Where runners are created, and how much room is left' }),
    attention: z.array(
      z.object({
        kind: z.enum(attentionKinds),
        message: z.string(),
        runs: count,
        runId: z.string().optional(),
        taskName: z.string().optional(),
      }),
    ),
    tasks: z
      .array(
        z.object({
          taskName: z.string(),
          runs: z.array(z.object({ id: z.string(), state: z.enum(runStates), createdAt: instant })),
        }),
      )
      .meta({ description: 'The latest runs of each task that had any, newest first, at most 10' }),
  })
  .meta({ id: 'Overview' });
export type Overview = z.infer<typeof overviewSchema>;
