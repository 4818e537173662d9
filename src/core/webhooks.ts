import { ErrandError } from '../contract/errors.ts';
import type { TerminalState } from '../contract/run.ts';
import type { RunRequest } from '../contract/run-request.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import type { DeliveryView, Webhook, WebhookFormat } from '../contract/webhook.ts';
import { fromInstant, instant } from './clock.ts';
import type { Instant, RunRecord, SealedSecrets } from './run-record.ts';
import type { Sealer } from './seal.ts';
import { requestWebhooks } from './webhook-problems.ts';

/** One webhook of a run, from accepting the run on: the outbox is part of the record, so that the end of the run and what is to be told of it are one write. */
export interface Delivery {
  /** From 1, within the run. */
  number: number;
  from: 'request' | 'task';
  /** Place in the definition's `webhooks`, where it is the task's. */
  index?: number;
  format: WebhookFormat;
  /** Ends that it is for; undefined: all. */
  on?: readonly TerminalState[];
  target: string;
  /** Address and secrets of a request's, until it is delivered. */
  sealed?: SealedSecrets;
  state: DeliveryView['state'];
  /** Counted before each is made. */
  attempts: number;
  /** Not before this; where it is pending. */
  dueAt?: Instant;
  /** Somebody is sending it; others leave it alone until then. */
  sentUntil?: Instant;
  endedAt?: Instant;
  status?: number;
  problem?: string;
}

/** Delays before each attempt, counted from the failure of the one before, in seconds. Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const delays = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
export const mostAttempts = delays.length;
const longestRetryAfterSeconds = 86_400;

/** What is told of a run that is being accepted. Undefined where nobody wants to know. */
export function deliveriesOf(
  request: RunRequest,
  definition: TaskDefinition,
  runId: string,
  sealer: Sealer,
): Delivery[] | undefined {
  const found: Omit<Delivery, 'number' | 'state' | 'attempts'>[] = [];
  for (const { webhook } of requestWebhooks(request)) {
    const { url, secret = [], ...rest } = webhook;
    const values = { url, secrets: JSON.stringify(typeof secret === 'string' ? [secret] : secret) };
    const sealed = sealer.seal(values, sealedFor(runId, found.length + 1));
    found.push({ from: 'request', target: new URL(url).origin, sealed, ...wanted(rest) });
  }
  for (const [index, { url, urlFrom, ...rest }] of definition.webhooks.entries())
    found.push({
      from: 'task',
      index,
      target: url === undefined ? (urlFrom ?? '') : new URL(url).origin,
      ...wanted(rest),
    });
  if (found.length === 0) return undefined;
  return found.map((delivery, place) => ({ number: place + 1, ...delivery, state: 'waiting', attempts: 0 }));
}

function wanted({ format, on }: Pick<Webhook, 'format' | 'on'>): Pick<Delivery, 'format' | 'on'> {
  return { format, ...(on === undefined ? {} : { on }) };
}

/** What a sealed address is bound to: it opens nowhere else. */
export function sealedFor(runId: string, number: number): string {
  return `${runId} webhook ${number}`;
}

/** The outbox of a run that has just ended. Pure. */
export function atEnd(deliveries: readonly Delivery[], state: TerminalState, at: Instant): Delivery[] {
  return deliveries.map((delivery) => {
    if (delivery.state !== 'waiting') return delivery;
    if (delivery.on === undefined || delivery.on.includes(state)) return { ...delivery, state: 'pending', dueAt: at };
    const { sealed: _, ...rest } = delivery;
    return { ...rest, state: 'unwanted' };
  });
}

/** When the next one is due, in milliseconds since the epoch; undefined where none is pending. */
export function nextDelivery(deliveries: readonly Delivery[] = []): number | undefined {
  const times = deliveries.flatMap(({ state, dueAt = '', sentUntil }) =>
    state === 'pending' ? [fromInstant(sentUntil ?? dueAt)] : [],
  );
  return times.length === 0 ? undefined : Math.min(...times);
}

export function isDue({ state, dueAt = '', sentUntil }: Delivery, now: number): boolean {
  return state === 'pending' && fromInstant(sentUntil ?? dueAt) <= now;
}

/** The outbox once all that is due is being sent by us. One whose last attempt nobody knows the end of is given up. Pure. */
export function marked(deliveries: readonly Delivery[], now: number, sentUntil: Instant): Delivery[] {
  return deliveries.map((delivery) => {
    if (!isDue(delivery, now)) return delivery;
    if (delivery.attempts >= mostAttempts)
      return dead(delivery, now, 'whoever made the last attempt was stopped before it could tell what came of it');
    return { ...delivery, attempts: delivery.attempts + 1, sentUntil };
  });
}

/** What came of an attempt. `interrupted`: whoever made it had to stop. */
export type DeliveryOutcome =
  | { kind: 'delivered'; status: number }
  | { kind: 'failed'; status?: number; problem: string; retryAfterSeconds?: number }
  | { kind: 'dead'; status?: number; problem: string }
  | { kind: 'interrupted' };

/** The delivery after an attempt. `random`, in [0, 1), keeps those that failed together from coming back together. Pure. */
export function settled(delivery: Delivery, outcome: DeliveryOutcome, now: number, random: number): Delivery {
  const { sentUntil: _, dueAt: __, status: ___, problem: ____, ...rest } = delivery;
  switch (outcome.kind) {
    case 'interrupted':
      return { ...rest, dueAt: instant(now) };
    case 'delivered': {
      const { sealed: _____, ...erased } = rest;
      return { ...erased, state: 'delivered', endedAt: instant(now), status: outcome.status };
    }
    case 'dead':
      return dead(withStatus(rest, outcome.status), now, outcome.problem);
    case 'failed': {
      const failed = withStatus(rest, outcome.status);
      const delay = delays[delivery.attempts];
      if (delay === undefined) return dead(failed, now, outcome.problem);
      const asked = Math.min(outcome.retryAfterSeconds ?? 0, longestRetryAfterSeconds);
      const seconds = Math.max(delay * (1 + random * 0.2), asked);
      return { ...failed, dueAt: instant(now + seconds * 1000), problem: outcome.problem };
    }
  }
}

/** Address and secrets of a request's stay sealed beside it: it may be redelivered as long as the record is kept. */
function dead(delivery: Delivery, now: number, problem: string): Delivery {
  const { dueAt: _, sentUntil: __, ...rest } = delivery;
  return { ...rest, state: 'dead', endedAt: instant(now), problem };
}

function withStatus(delivery: Delivery, status: number | undefined): Delivery {
  return status === undefined ? delivery : { ...delivery, status };
}

/**
 * The run with a webhook that was given up due again, with all its attempts; one that is pending is due now. Throws `webhookNotFound`, and `webhookNotDead` where
 * it was delivered, or never was to be.
 */
export function redelivered(run: RunRecord, number: number, now: number): RunRecord {
  const found = run.webhooks?.find((delivery) => delivery.number === number);
  if (found === undefined)
    throw new ErrandError(
      'webhookNotFound',
      `run ${run.id} has no webhook ${number}: "errand show" lists those it has`,
      {
        runId: run.id,
      },
    );
  if (found.state !== 'dead' && found.state !== 'pending')
    throw new ErrandError(
      'webhookNotDead',
      `webhook ${number} of run ${run.id} is ${found.state}: only one that was given up, or is still tried, can be sent once more`,
      { runId: run.id },
    );
  const { endedAt: _, sentUntil: __, ...rest } = found;
  const again: Delivery = { ...rest, state: 'pending', attempts: 0, dueAt: instant(now) };
  const webhooks = (run.webhooks ?? []).map((delivery) => (delivery === found ? again : delivery));
  return { ...run, webhooks, open: true };
}

export function toDeliveryView(delivery: Delivery): DeliveryView {
  const { number, from, format, target, state, attempts, dueAt, endedAt, status, problem } = delivery;
  return {
    number,
    from,
    format,
    target,
    state,
    attempts,
    ...(dueAt === undefined ? {} : { nextAt: dueAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(status === undefined ? {} : { status }),
    ...(problem === undefined ? {} : { problem }),
  };
}
