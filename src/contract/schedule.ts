import { z } from 'zod';
import { taskNamePattern } from './names.ts';
import { runRequestSchema } from './run-request.ts';

/** What becomes of a planned time while a run of the same schedule is still under way. */
export const overlaps = ['skip', 'queue', 'allow'] as const;

/** Names of schedules follow the rule of task names. */
export const scheduleNamePattern = taskNamePattern;

/** The label that every run of a schedule carries, with the schedule's name. */
export const scheduleLabel = 'schedule';

/** The body of `PUT /api/schedules/{name}`: a request for a run, and when it is to be made. Without webhooks, whose secrets it could not keep: those of the task are for its runs, too. */
export const scheduleDocumentSchema = runRequestSchema
  .omit({ webhook: true, callbackUri: true })
  .extend({
    description: z.string().max(1000).optional(),
    cron: z.string().min(1).max(200).meta({
      description:
        'Five fields: minute, hour, day of month, month, day of week; or six with seconds before them. Lists, ranges, steps, L, W, # and names as cron has them; @hourly, @daily, @weekly, @monthly and @yearly',
      example: '30 2 * * MON-FRI',
    }),
    timeZone: z
      .string()
      .min(1)
      .max(100)
      .default('UTC')
      .meta({ description: 'Name of a time zone of the IANA database, in which the fields are meant' }),
    overlap: z.enum(overlaps).default('skip').meta({
      description:
        'While a run of this schedule is under way: skip passes the planned time over, queue lets its run wait, allow starts it beside the other',
    }),
    catchUpSeconds: z.int().min(60).max(2_592_000).default(7_200).meta({
      description:
        'How late a planned time may be when it is seen. Of several that were missed the latest is run; older ones are passed over',
    }),
    paused: z.boolean().default(false),
  })
  .meta({ id: 'ScheduleDocument' });

export type ScheduleDocument = z.output<typeof scheduleDocumentSchema>;
export type ScheduleBody = z.input<typeof scheduleDocumentSchema>;

const instant = z.iso.datetime().meta({ description: 'UTC, RFC 3339' });

export const firingOutcomes = ['started', 'skipped', 'failed'] as const;
export type FiringOutcome = (typeof firingOutcomes)[number];

export const firingSchema = z
  .object({
    plannedAt: instant,
    at: instant.meta({ description: 'When it was seen to' }),
    outcome: z.enum(firingOutcomes),
    reason: z.string().optional().meta({
      description:
        'Why nothing was started: overlap (an earlier run is under way), missed (seen later than catchUpSeconds), or the code of the error that the request was refused with',
    }),
    message: z.string().optional(),
    runId: z.string().optional().meta({ description: 'The run that was started, or the one that was still under way' }),
    passedOverFrom: instant.optional().meta({
      description: 'The first of the planned times before this one that were missed and are not made up for',
    }),
  })
  .meta({ id: 'Firing' });

export type Firing = z.infer<typeof firingSchema>;

/** A schedule as the API shows it. */
export const scheduleSchema = z
  .object({
    name: z.string(),
    ...scheduleDocumentSchema.shape,
    nextAt: instant.optional().meta({ description: 'The next planned time; none while it is paused' }),
    upcoming: z.array(instant).meta({ description: 'The next planned times, at most five' }),
    retrying: z
      .object({ failures: z.int().min(1), message: z.string() })
      .optional()
      .meta({ description: 'The planned time is due, and an outage keeps it from being run; it is tried again' }),
    firings: z.array(firingSchema).meta({ description: 'What came of the last planned times, latest first' }),
    createdAt: instant,
    createdBy: z.string(),
    updatedAt: instant,
    updatedBy: z.string(),
    etag: z.string().meta({ description: 'Changes with each edit, not with a firing' }),
  })
  .meta({ id: 'Schedule' });

export type ScheduleView = z.output<typeof scheduleSchema>;

export const schedulePageSchema = z
  .object({ schedules: z.array(scheduleSchema), cursor: z.string().optional() })
  .meta({ id: 'SchedulePage' });

export type SchedulePage = z.output<typeof schedulePageSchema>;
