import { z } from 'zod';

/** The states that end a run. Repeated in `run.ts`, which builds on this file. */
export const webhookStates = ['succeeded', 'failed', 'timedOut', 'canceled', 'expired', 'lost'] as const;

export const webhookFormats = ['standard', 'original', 'slack', 'teams'] as const;
export type WebhookFormat = (typeof webhookFormats)[number];

/** Where the orchestrator reads a secret that a definition names. */
export const secretReferenceSchema = z
  .string()
  .regex(/^(?:env:ERRAND_SECRET_[A-Za-z0-9_]{1,100}|file:[A-Za-z0-9][A-Za-z0-9._-]{0,127})$/);

/** 24 to 64 random bytes in base64. Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export const webhookSecretPattern = /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/;

const mostSecrets = 4;
const mostWebhooks = 5;

const url = z.string().min(1).max(2000).meta({ description: 'https://host/path' });
const format = z.enum(webhookFormats).default('standard').meta({
  description:
    'What is posted: standard (Standard Webhooks: the run, signed), original ({"TaskStatus": true}), slack or teams (a message for their incoming webhooks)',
});
const on = z
  .array(z.enum(webhookStates))
  .min(1)
  .max(webhookStates.length)
  .optional()
  .meta({ description: 'Only for these ends; all where it is not given' });
const secret = z
  .string()
  .regex(webhookSecretPattern)
  .meta({ description: 'whsec_ and 24 to 64 random bytes in base64', format: 'password' });

/** A webhook of one run. Address and secrets are sealed, and erased once it is delivered. */
export const webhookSchema = z
  .strictObject({
    url,
    format,
    on,
    secret: z
      .union([secret, z.array(secret).min(1).max(mostSecrets)])
      .optional()
      .meta({ description: 'What it is signed with; several while they are rotated' }),
  })
  .meta({ id: 'Webhook' });

export type Webhook = z.output<typeof webhookSchema>;

/** One webhook or several. */
export const webhooksSchema = z.union([webhookSchema, z.array(webhookSchema).max(mostWebhooks)]);

/** A webhook of a task: for each of its runs. */
export const taskWebhookSchema = z
  .strictObject({
    url: url.optional(),
    urlFrom: secretReferenceSchema
      .optional()
      .meta({ description: 'Instead of url, where the address itself is a secret, as those of Slack and Teams are' }),
    format,
    on,
    secretFrom: z
      .union([secretReferenceSchema, z.array(secretReferenceSchema).min(1).max(mostSecrets)])
      .optional()
      .meta({ description: 'Where the orchestrator reads what it is signed with, when it is sent' }),
  })
  .meta({ id: 'TaskWebhook' });

export type TaskWebhook = z.output<typeof taskWebhookSchema>;

export const taskWebhooksSchema = z.array(taskWebhookSchema).max(mostWebhooks);

const instant = z.iso.datetime().meta({ description: 'UTC, RFC 3339' });

export const deliveryStates = ['waiting', 'unwanted', 'pending', 'delivered', 'dead'] as const;

/** How far a webhook of a run has come. */
export const deliverySchema = z
  .object({
    number: z.int().min(1),
    from: z.enum(['request', 'task']),
    format: z.enum(webhookFormats),
    target: z
      .string()
      .meta({ description: 'Scheme and host of the address, or where it is read from: the rest may be secret' }),
    state: z.enum(deliveryStates).meta({
      description:
        'waiting (for the end of the run), unwanted (not for this end), pending, delivered, or dead (given up; it can be redelivered)',
    }),
    attempts: z.int().min(0),
    nextAt: instant.optional(),
    endedAt: instant.optional().meta({ description: 'When it was delivered or given up' }),
    status: z.int().optional().meta({ description: 'HTTP status of the last answer' }),
    problem: z.string().optional().meta({ description: 'Why the last attempt failed' }),
  })
  .meta({ id: 'Delivery' });

export type DeliveryView = z.infer<typeof deliverySchema>;
