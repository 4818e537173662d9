import { ErrandError } from '../contract/errors.ts';
import { webhookSecretPattern, type TaskWebhook } from '../contract/webhook.ts';
import { amend } from './amend.ts';
import { instant } from './clock.ts';
import type { Context } from './context.ts';
import type { WebhookAnswer } from './ports/webhook-sender.ts';
import type { EndedRun, RunRecord } from './run-record.ts';
import { isEnded } from './view.ts';
import { webhookBody } from './webhook-body.ts';
import { webhookSignature } from './webhook-signature.ts';
import { isDue, marked, sealedFor, settled, type Delivery, type DeliveryOutcome } from './webhooks.ts';

export interface DeliverHooks {
  /** Saves the run as its next version; undefined where somebody was faster. */
  save(run: EndedRun): Promise<RunRecord | undefined>;
  /** What came of one attempt was recorded by this process. */
  delivered?(delivery: Delivery): void;
  /** Nobody waits any longer. */
  closing?: AbortSignal | undefined;
}

/**
 * Sends everything that is due of an ended run, once each. The attempts are counted and marked, with a wake-up for when the marks are over, before anything is sent: whoever
 * is killed in between leaves deliveries that are made again, under the same ids. Where somebody was faster, nothing is sent.
 */
export async function deliverWebhooks(context: Context, run: EndedRun, hooks: DeliverHooks): Promise<void> {
  const { clock, policy, queue, storage, newId, random } = context;
  const { sendingMs } = policy;
  const now = clock.now();
  const sentUntil = instant(now + sendingMs);
  const wakeId = newId();
  await queue.schedule({ runId: run.id, wakeId }, now + sendingMs);
  const webhooks = marked(run.webhooks ?? [], now, sentUntil);
  const saved = await hooks.save({ ...run, webhooks, wakeId, wakeAt: sentUntil });
  if (saved === undefined || !isEnded(saved)) return;

  const mine = webhooks.filter((delivery) => delivery.state === 'pending' && delivery.sentUntil === sentUntil);
  const outcomes = new Map(
    await Promise.all(
      mine.map(async (delivery): Promise<[number, DeliveryOutcome]> => [
        delivery.number,
        await attempt(context, saved, delivery, hooks.closing),
      ]),
    ),
  );
  const at = clock.now();
  const after = await amend(storage, run.id, newId, (current) => ({
    ...current,
    webhooks: (current.webhooks ?? []).map((delivery) => {
      const outcome = outcomes.get(delivery.number);
      // Another mark is another attempt.
      return outcome === undefined || delivery.sentUntil !== sentUntil
        ? delivery
        : settled(delivery, outcome, at, random());
    }),
  }));
  for (const delivery of after?.webhooks ?? []) if (outcomes.has(delivery.number)) hooks.delivered?.(delivery);
}

/** Whether anything of the run is due to be sent. */
export function hasDueWebhook(run: RunRecord, now: number): run is EndedRun {
  return isEnded(run) && (run.webhooks ?? []).some((delivery) => isDue(delivery, now));
}

async function attempt(
  context: Context,
  run: EndedRun,
  delivery: Delivery,
  closing: AbortSignal | undefined,
): Promise<DeliveryOutcome> {
  const { clock, webhooks } = context;
  try {
    const { url, secrets } = await addressOf(context, run, delivery);
    const id = webhookId(run.id, delivery.number);
    const timestamp = Math.floor(clock.now() / 1000);
    const body = webhookBody(delivery.format, run);
    const headers = {
      'Content-Type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      ...(secrets.length === 0 ? {} : { 'webhook-signature': webhookSignature(secrets, { id, timestamp, body }) }),
    };
    return outcomeOf(await webhooks.sender.send({ url, headers, body }, { signal: closing }));
  } catch (error) {
    if (closing?.aborted === true) return { kind: 'interrupted' };
    if (error instanceof ErrandError && error.code === 'secretUnavailable')
      return { kind: 'failed', problem: error.message };
    throw error;
  }
}

/** The same for each attempt, so that receivers know a repetition. No dot is in it. */
export function webhookId(runId: string, number: number): string {
  return `msg_${runId}_${number}`;
}

async function addressOf(
  { sealer, readSecret }: Context,
  run: EndedRun,
  { from, index = 0, number, sealed }: Delivery,
): Promise<{ url: string; secrets: string[] }> {
  if (from === 'request') {
    if (sealed === undefined) throw new TypeError(`webhook ${number} of run ${run.id} has no address any more`);
    const { url = '', secrets = '[]' } = sealer.open(sealed, sealedFor(run.id, number));
    return { url, secrets: JSON.parse(secrets) as string[] };
  }
  const webhook = run.definition.webhooks[index];
  if (webhook === undefined) throw new TypeError(`run ${run.id} has no webhook ${index} in its definition`);
  const url = webhook.url ?? (await named('the address', webhook.urlFrom ?? '', readSecret));
  return { url, secrets: await secretsOf(webhook, readSecret) };
}

async function secretsOf({ secretFrom = [] }: TaskWebhook, readSecret: Context['readSecret']): Promise<string[]> {
  const references = typeof secretFrom === 'string' ? [secretFrom] : secretFrom;
  return Promise.all(
    references.map(async (reference) => {
      const secret = await named('the secret', reference, readSecret);
      if (webhookSecretPattern.test(secret)) return secret;
      throw new ErrandError(
        'secretUnavailable',
        `the secret of the webhook, ${reference}, is not whsec_ and 24 to 64 bytes in base64`,
      );
    }),
  );
}

async function named(what: string, reference: string, readSecret: Context['readSecret']): Promise<string> {
  try {
    return await readSecret(reference);
  } catch (cause) {
    if (!(cause instanceof ErrandError)) throw cause;
    throw new ErrandError('secretUnavailable', `${what} of the webhook cannot be read: ${cause.message}`, { cause });
  }
}

const gone = 410;

/** Only a 2xx is taken for an answer that all is well: a redirect is not followed, and a receiver that is gone for good says 410. */
function outcomeOf(answer: WebhookAnswer): DeliveryOutcome {
  switch (answer.kind) {
    case 'answered': {
      const { status, retryAfterSeconds } = answer;
      if (status >= 200 && status < 300) return { kind: 'delivered', status };
      if (status === gone)
        return { kind: 'dead', status, problem: 'the receiver answered 410: it does not want to be told any more' };
      const why = status >= 300 && status < 400 ? ', a redirect, which is not followed' : '';
      return {
        kind: 'failed',
        status,
        problem: `the receiver answered ${status}${why}`,
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      };
    }
    case 'refused':
      return { kind: 'dead', problem: `it was not sent: ${answer.message}` };
    case 'unanswered':
      return { kind: 'failed', problem: answer.message };
  }
}
