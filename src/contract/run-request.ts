import { z } from 'zod';
import { limits } from './limits.ts';
import { labelNamePattern } from './names.ts';
import { timeoutsSchema } from './task-definition.ts';
import { webhooksSchema } from './webhook.ts';

/** Limits of this one run. Each may only be shorter than what the definition says. */
const runTimeoutsSchema = z.strictObject({
  queueSeconds: timeoutsSchema.shape.queueSeconds.removeDefault().optional(),
  startSeconds: timeoutsSchema.shape.startSeconds.removeDefault().optional(),
  runSeconds: timeoutsSchema.shape.runSeconds.removeDefault().optional(),
  graceSeconds: timeoutsSchema.shape.graceSeconds.removeDefault().optional(),
  totalSeconds: timeoutsSchema.shape.totalSeconds,
});

export const labelsSchema = z
  .record(z.string().regex(labelNamePattern), z.string().max(limits.labelLength))
  .refine((labels) => Object.keys(labels).length <= limits.labels, { message: `at most ${limits.labels} labels` });

const valueSchema = z
  .json()
  .meta({ description: 'A string; a JSON number or boolean is taken too, and any JSON for a parameter of type json' });

export const requestParametersSchema = z
  .array(z.strictObject({ name: z.string().max(200), value: valueSchema }))
  .max(limits.parameters);

const callbackUriSchema = z
  .string()
  .min(1)
  .max(2000)
  .optional()
  .meta({ description: 'A webhook of the format original: {"TaskStatus": true} or {"TaskStatus": false}' });

/** The body of `POST /api/runs`. The original `{taskName, parameters}` is valid as it stands. */
export const runRequestSchema = z
  .strictObject({
    taskName: z.string().max(1000),
    parameters: requestParametersSchema.default([]),
    labels: labelsSchema.default({}),
    timeouts: runTimeoutsSchema.default({}),
    webhook: webhooksSchema.optional().meta({ description: 'Who is to be told of its end' }),
    callbackUri: callbackUriSchema,
    maxCost: z.number().positive().max(1_000_000).optional().meta({
      description:
        'The most that all attempts together may cost, in the currency of the price list: the run gets less time to run where it needs to',
    }),
  })
  .meta({ id: 'RunRequest' });

export type RunRequest = z.output<typeof runRequestSchema>;
export type RunRequestBody = z.input<typeof runRequestSchema>;

/** The body of `POST /api/runs/{id}/rerun`: values that replace those of the earlier run. Secrets are asked for again. */
export const rerunRequestSchema = z
  .strictObject({
    parameters: requestParametersSchema.default([]),
    labels: labelsSchema.optional(),
    webhook: webhooksSchema.optional().meta({ description: 'Those of the earlier request are not taken over' }),
    callbackUri: callbackUriSchema,
    version: z.enum(['latest', 'same']).default('latest').meta({
      description: 'The task as it is now, or definition and executable as they were in the earlier run',
    }),
  })
  .meta({ id: 'RerunRequest' });

export type RerunRequest = z.output<typeof rerunRequestSchema>;

/** The body of `POST /api/runs/{id}/resolve`. */
export const resolveRequestSchema = z
  .strictObject({
    outcome: z.enum(['succeeded', 'failed']).meta({ description: 'What really came of it' }),
    note: z.string().min(1).max(2000).meta({ description: 'How you know' }),
  })
  .meta({ id: 'ResolveRequest' });

export type ResolveRequest = z.output<typeof resolveRequestSchema>;
