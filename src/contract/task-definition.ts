import { z } from 'zod';
import { taskWebhooksSchema } from './webhook.ts';
import { imagePattern, scriptNamePattern, taskNamePattern, variableNamePattern } from './names.ts';

/** `integer` is another word for `int`. */
export const parameterTypes = ['string', 'int', 'integer', 'number', 'boolean', 'json', 'secret'] as const;

export type ParameterType = (typeof parameterTypes)[number];

const jsonScalar = z.union([z.string(), z.number(), z.boolean()]);

export const parameterSchema = z
  .strictObject({
    parameterName: z
      .string()
      .regex(variableNamePattern)
      .meta({ description: 'Name of the environment variable that the executable reads' }),
    parameterType: z
      .enum(parameterTypes)
      .meta({ description: 'Values travel as strings and are checked against this type' }),
    required: z.boolean().default(false),
    description: z.string().max(1000).optional(),
    default: jsonScalar.optional().meta({ description: 'Taken where the request gives no value' }),
    enum: z.array(jsonScalar).min(1).max(100).optional().meta({ description: 'The only values allowed' }),
    pattern: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .meta({ description: 'RE2 regular expression that must match somewhere in the value; anchor it with ^ and $' }),
    minLength: z.int().min(0).max(32768).optional().meta({ description: 'In characters' }),
    maxLength: z.int().min(0).max(32768).optional().meta({ description: 'In characters' }),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    valueFrom: z
      .string()
      .regex(/^(?:env:ERRAND_SECRET_[A-Za-z0-9_]{1,100}|file:[A-Za-z0-9][A-Za-z0-9._-]{0,127})$/)
      .optional()
      .meta({
        description:
          'Secrets only: where the orchestrator reads the value when it starts the container. env:ERRAND_SECRET_… is a variable of the orchestrator, file:… a file of its secrets directory. Callers then give none.',
      }),
  })
  .meta({ id: 'TaskParameter' });

const seconds = (minimum: number, maximum: number) => z.int().min(minimum).max(maximum);

export const timeoutsSchema = z.strictObject({
  queueSeconds: seconds(1, 2_592_000)
    .default(86_400)
    .meta({ description: 'From accepting the request to its first start' }),
  startSeconds: seconds(1, 3_600)
    .default(240)
    .meta({ description: 'From opening an attempt to the start of the executable, image pull included' }),
  runSeconds: seconds(1, 518_400)
    .default(3_600)
    .meta({ description: 'How long the executable may run (at most 6 days)' }),
  graceSeconds: seconds(1, 600).default(30).meta({ description: 'Between TERM and KILL' }),
  totalSeconds: seconds(1, 5_184_000).optional().meta({
    description:
      'From accepting the request to its end, retries included. Default: 90,000, or what the other limits add up to where that is more',
  }),
});

export const retrySchema = z.strictObject({
  maxAttempts: z.int().min(1).max(20).default(1),
  on: z
    .array(z.enum(['start', 'lost', 'exitCode', 'timeout']))
    .max(4)
    .default([])
    .meta({
      description:
        'Causes that are tried again: start (the container did not start), lost (it vanished), exitCode (see exitCodes), timeout (runSeconds over)',
    }),
  exitCodes: z
    .array(z.int().min(1).max(255))
    .max(255)
    .default([])
    .meta({ description: 'Exit codes tried again under exitCode; none given means all but 0' }),
  backoff: z
    .strictObject({
      initialSeconds: z.number().min(0).max(86_400).default(5),
      factor: z.number().min(1).max(10).default(2),
      maxSeconds: z.number().min(0).max(86_400).default(300),
    })
    .prefault({}),
});

export const concurrencySchema = z.strictObject({
  limit: z.int().min(1).max(1000).meta({ description: 'How many runs of this task may be under way at once' }),
  key: z
    .string()
    .regex(variableNamePattern)
    .optional()
    .meta({ description: 'A parameter: the limit then counts per value of it' }),
  onLimit: z.enum(['queue', 'reject']).default('queue'),
});

/** What a task does to the world, as its author says: for agents and the people who let them. Nothing is enforced by it. */
export const hintsSchema = z
  .strictObject({
    readOnly: z.boolean().optional().meta({ description: 'It changes nothing' }),
    destructive: z.boolean().optional().meta({ description: 'It may take away or replace what is there' }),
    idempotent: z
      .boolean()
      .optional()
      .meta({ description: 'Run again with the same values, or begun and not finished, it does no harm' }),
  })
  .meta({ description: 'What the task does to the world; agents are told' });

export type Hints = z.infer<typeof hintsSchema>;

/** A task definition as people write it. The original document is valid as it stands; everything else has a default. */
export const taskDefinitionSchema = z
  .strictObject({
    $schema: z.string().max(500).optional(),
    taskName: z.string().regex(taskNamePattern),
    dockerImage: z.string().max(500).regex(imagePattern),
    scriptName: z
      .string()
      .regex(scriptNamePattern)
      .meta({ description: 'The executable, stored beside this document' }),
    scriptParameters: z.array(parameterSchema).max(100).default([]),
    description: z.string().max(4000).optional(),
    hints: hintsSchema.optional(),
    resources: z
      .strictObject({
        cpu: z.number().min(0.1).max(31).default(1),
        memoryInGB: z.number().min(0.0625).max(240).default(1),
      })
      .prefault({}),
    timeouts: timeoutsSchema.prefault({}),
    retry: retrySchema.prefault({}),
    concurrency: concurrencySchema.optional(),
    identity: z
      .string()
      .max(500)
      .regex(
        /^\/subscriptions\/[^/\s]+\/resource[gG]roups\/[^/\s]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/\s]+$/,
      )
      .optional()
      .meta({ description: 'Resource id of the user-assigned managed identity that the task acts as' }),
    environment: z
      .record(z.string().regex(variableNamePattern), z.string().max(32_768))
      .default({})
      .meta({ description: "The author's own variables, fixed" }),
    container: z
      .strictObject({
        user: z
          .string()
          .max(128)
          .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/)
          .optional()
          .meta({ description: "user or user:group; without it the image's own user" }),
        readOnlyRoot: z.boolean().default(false),
        network: z.enum(['default', 'none']).default('default'),
        capabilities: z
          .array(
            z.enum([
              'CHOWN',
              'DAC_OVERRIDE',
              'FOWNER',
              'FSETID',
              'KILL',
              'NET_BIND_SERVICE',
              'NET_RAW',
              'SETGID',
              'SETUID',
              'SETPCAP',
              'SYS_CHROOT',
            ]),
          )
          .max(11)
          .default([])
          .meta({ description: 'Linux capabilities given back; by default a task has none' }),
      })
      .prefault({}),
    sha256: z
      .string()
      .regex(/^[a-f0-9]{64}$/)
      .optional()
      .meta({ description: 'Of the executable, in hex; written by errand push' }),
    retention: z
      .strictObject({
        succeededSeconds: seconds(0, 604_800).default(0),
        failedSeconds: seconds(0, 604_800).default(0),
      })
      .prefault({})
      .meta({
        description: 'How long the ended container is kept to look at; log and result are kept with the record',
      }),
    allowUnfenced: z.boolean().default(false).meta({
      description:
        'On platforms with signed URLs: run even where the image has no curl. The run then has no fence, no result and no complete log, and says so',
    }),
    webhooks: taskWebhooksSchema.default([]).meta({ description: 'Who is to be told of the end of each run' }),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'TaskDefinition' });

/** As written: defaults may be missing. */
export type TaskDefinitionDocument = z.input<typeof taskDefinitionSchema>;

/** As used: every default filled in. */
export type TaskDefinition = z.output<typeof taskDefinitionSchema>;

export type TaskParameter = TaskDefinition['scriptParameters'][number];
export type Timeouts = TaskDefinition['timeouts'];
export type RetryPolicy = TaskDefinition['retry'];
