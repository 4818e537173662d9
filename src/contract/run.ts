import { z } from 'zod';
import { quoteSchema, receiptSchema } from './cost.ts';
import { problemSchema } from './errors.ts';
import { endReasons, runStates } from './run-states.ts';
import { hintsSchema, taskDefinitionSchema } from './task-definition.ts';
import { deliverySchema } from './webhook.ts';

export * from './run-states.ts';

const instant = z.iso.datetime().meta({ description: 'UTC, RFC 3339' });

/** What is known of a stored log. Bytes and lines count the mark of a truncation. */
export const logFactsSchema = z.object({
  bytes: z.int().min(0),
  lines: z.int().min(0),
  sha256: z.string().regex(/^[a-f0-9]{64}$/),
  truncated: z.boolean().meta({ description: 'The log reached its cap; it ends with a mark' }),
  droppedBytes: z.int().min(0),
  complete: z
    .boolean()
    .meta({ description: 'False where the runner died before it could say that it had written everything' }),
});
export type LogFacts = z.infer<typeof logFactsSchema>;

export const attemptSchema = z
  .object({
    number: z.int().min(1),
    containerName: z.string(),
    platform: z.string(),
    region: z.string().optional(),
    containerId: z.string().optional(),
    imageDigest: z.string().optional(),
    phase: z
      .string()
      .optional()
      .meta({ description: 'What is being done while it starts, for people: pulling 3 of 7 layers' }),
    openedAt: instant,
    createdAt: instant.optional(),
    fencedAt: instant
      .optional()
      .meta({ description: 'When the runner took the fence: user code may run from here on' }),
    endedAt: instant.optional(),
    pulledAt: instant.optional().meta({ description: 'When the image had been pulled for it, where it had to be' }),
    pullMs: z.int().optional(),
    fetchMs: z.int().optional(),
    runMs: z.int().optional(),
    exitCode: z.int().optional(),
    signal: z.string().optional(),
    reason: z.enum(endReasons).optional(),
    message: z.string().optional(),
    counted: z.boolean().meta({
      description:
        'False where the fence proves that nothing was started: such an attempt does not count against retry.maxAttempts',
    }),
    containerGone: z.boolean(),
    log: logFactsSchema.optional(),
  })
  .meta({ id: 'Attempt' });

export const waitingSchema = z
  .object({
    reason: z.enum(['concurrency', 'capacity', 'backoff', 'platform']),
    message: z.string(),
    position: z.int().min(0).optional().meta({ description: 'How many runs are before this one' }),
    until: instant.optional(),
  })
  .meta({ id: 'Waiting' });

export const outputFileSchema = z.object({ name: z.string(), bytes: z.int().min(0), sha256: z.string() });
export type OutputFile = z.infer<typeof outputFileSchema>;

/** A run as the API shows it. Values of secret parameters are never in it. */
export const runSchema = z
  .object({
    id: z.string(),
    taskName: z.string(),
    state: z.enum(runStates),
    requestedBy: z.string().meta({ description: 'Name of the API key, or local where none is configured' }),
    createdAt: instant,
    startedAt: instant.optional(),
    endedAt: instant.optional(),
    reason: z.enum(endReasons).optional(),
    message: z.string().optional(),
    exitCode: z.int().optional(),
    waiting: waitingSchema.optional(),
    stale: z.boolean().meta({ description: 'The platform does not answer; the state may be older than it looks' }),
    parameters: z.array(z.object({ name: z.string(), value: z.string().optional(), secret: z.boolean() })),
    labels: z.record(z.string(), z.string()),
    attempts: z.array(attemptSchema),
    output: z.unknown().optional().meta({ description: 'The JSON that the task left in $ERRAND_OUTPUT' }),
    outputProblem: z.string().optional().meta({ description: 'Why there is no output although the task left some' }),
    files: z.array(outputFileSchema),
    log: logFactsSchema.optional(),
    cancel: z.object({ by: z.string(), at: instant }).optional(),
    resolution: z
      .object({ outcome: z.enum(['succeeded', 'failed']), note: z.string(), by: z.string(), at: instant })
      .optional(),
    rerunOf: z.string().optional(),
    taskVersion: z
      .string()
      .optional()
      .meta({ description: 'Of the task by its content, as GET /api/tasks/{name}/versions lists them' }),
    schedule: z
      .object({ name: z.string(), plannedAt: instant })
      .optional()
      .meta({ description: 'The schedule that asked for it, and the planned time that it is for' }),
    webhooks: z
      .array(deliverySchema)
      .optional()
      .meta({ description: 'Who is told of its end, and how far that has come' }),
    traceId: z
      .string()
      .optional()
      .meta({ description: 'Of the trace that its request and everything that came of it belong to' }),
    cost: receiptSchema
      .optional()
      .meta({ description: 'What it has cost so far; only on platforms that have a price' }),
    executable: z.object({ name: z.string(), sha256: z.string(), etag: z.string(), bytes: z.int() }),
    definition: taskDefinitionSchema,
    version: z.int(),
  })
  .meta({ id: 'Run' });

export type RunView = z.infer<typeof runSchema>;

export const runPageSchema = z
  .object({ runs: z.array(runSchema), cursor: z.string().optional() })
  .meta({ id: 'RunPage' });
export type RunPage = z.infer<typeof runPageSchema>;

/** What `plan` answers: everything resolved and checked, nothing started. */
export const planSchema = z
  .object({
    taskName: z.string(),
    image: z.string(),
    executable: runSchema.shape.executable,
    parameters: runSchema.shape.parameters,
    environment: z.record(z.string(), z.string()),
    timeouts: taskDefinitionSchema.shape.timeouts.unwrap(),
    resources: taskDefinitionSchema.shape.resources.unwrap(),
    platform: z.string(),
    concurrency: z.object({ key: z.string(), limit: z.int(), held: z.int(), waiting: z.int() }).optional(),
    cost: quoteSchema.optional().meta({ description: 'Only on platforms that have a price' }),
    notes: z.array(z.string()).meta({ description: 'What people should know before they run it' }),
  })
  .meta({ id: 'Plan' });

export type Plan = z.infer<typeof planSchema>;

export const taskVersionSchema = z
  .object({
    version: z.string().meta({ description: 'The task by its content: 16 hexadecimal digits' }),
    keptAt: instant.meta({ description: 'When it was last pushed' }),
    executable: z.object({ name: z.string(), sha256: z.string(), bytes: z.int().min(0) }),
  })
  .meta({ id: 'TaskVersion' });

export type TaskVersion = z.infer<typeof taskVersionSchema>;

/** What `check` answers: the plan, or what is wrong with the request. */
export const checkSchema = z
  .object({
    problems: z.array(problemSchema).meta({ description: 'Empty where it could run' }),
    plan: planSchema.optional(),
  })
  .meta({ id: 'Check' });

export type Check = z.infer<typeof checkSchema>;

export const taskSummarySchema = z
  .object({
    taskName: z.string(),
    description: z.string().optional(),
    hints: hintsSchema.optional(),
    enabled: z.boolean(),
    valid: z.boolean(),
    problem: z.string().optional(),
  })
  .meta({ id: 'TaskSummary' });

export type TaskSummary = z.infer<typeof taskSummarySchema>;
