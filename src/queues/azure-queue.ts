import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { WorkQueue } from '../core/ports/work-queue.ts';
import { queueAccess, type AzureQueueConnection, type ReceivedMessage } from './azure-queue-client.ts';
import { decodeMessage, encodeWakeUp } from './azure-queue-message.ts';
import { messageHandler, type EventHandler, type MessageHandler, type WakeUpHandler } from './azure-queue-receiver.ts';

export interface AzureQueueOptions {
  connection: AzureQueueConnection;
  /** Of the queue. What cannot be worked on goes to `<name>-poison`. */
  name?: string;
  clock: Clock;
  logger: Logger;
  /** Is told of results and fences, where Event Grid puts them into the queue. */
  onEvent?: EventHandler;
  /** Handlers at once. */
  concurrency?: number;
  /** Seconds for which a message is hidden from others while it is handled; renewed as long as the handler works. */
  visibilitySeconds?: number;
  /** Before a failed message is tried a second time, in seconds; doubles each time up to the longest. */
  retrySeconds?: { first: number; longest: number };
  /** Between two looks into an empty queue, in milliseconds: from the first to the second, doubling. */
  idleMs?: { shortest: number; longest: number };
  /** How long `close` lets handlers finish before it aborts their signal, in milliseconds. */
  patienceMs?: number;
}

export interface PoisonMessages {
  /** About how many. */
  count: number;
  /** What the first of them say, for people. */
  sample: { text: string; why: string }[];
}

/** The work queue, and what people want to know of it. */
export interface AzureQueue extends WorkQueue {
  /** Messages that were put aside since nobody could work on them. */
  poison(options?: Cancelable): Promise<PoisonMessages>;
  /** Throws where the queue cannot be used. */
  check(options?: Cancelable): Promise<void>;
}

/** A message is hidden for seven days at most; a day is left for it to be late. */
const longestHidingSeconds = 6 * 86_400;
/** The most that one request gives. */
const largestBatch = 32;
const samples = 5;

/** Source: https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata; seven are for `-poison`. */
const namePattern = /^(?=.{3,56}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Wake-ups as messages of a storage queue, hidden until they are due. Several processes may send to it and consume it. */
export function azureQueue({
  connection,
  name = 'errand-work',
  clock,
  logger,
  onEvent,
  concurrency = 32,
  visibilitySeconds = 60,
  retrySeconds = { first: 1, longest: 60 },
  idleMs = { shortest: 200, longest: 5_000 },
  patienceMs = 10_000,
}: AzureQueueOptions): AzureQueue {
  if (!namePattern.test(name))
    throw new ErrandError(
      'invalidConfiguration',
      `${JSON.stringify(name)} cannot name a queue: take 3 to 56 lower-case letters, digits and inner hyphens, no two beside each other.`,
    );
  const queue = queueAccess(connection, name, clock);
  const poison = queueAccess(connection, `${name}-poison`, clock);
  const active = new Set<Promise<void>>();
  const closing = new AbortController();
  const patience = new AbortController();
  /** Moments at which this process has made messages due, in milliseconds since the epoch, as far as an idle loop would oversleep them. */
  const hints = new Set<number>();
  let wake = (): void => {};
  let loop: Promise<void> | undefined;

  async function send(text: string, at: number, options: Cancelable): Promise<void> {
    const seconds = Math.min(Math.max(Math.ceil((at - clock.now()) / 1000), 0), longestHidingSeconds);
    await queue.send(text, seconds, options);
    const due = clock.now() + seconds * 1000;
    if (loop === undefined || seconds * 1000 > 2 * idleMs.longest) return;
    hints.add(due);
    wake();
  }

  /** Sleeps until `ms` are over, a hint comes or falls due, a handler ends, or the queue closes. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const now = clock.now();
      const untilHint = Math.min(...hints, Number.POSITIVE_INFINITY) - now;
      const stopTimer = clock.after(Math.max(Math.min(ms, untilHint), 0), () => wake());
      wake = () => {
        wake = () => {};
        stopTimer();
        resolve();
      };
      if (closing.signal.aborted) wake();
    });
  }

  function start(handle: MessageHandler, message: ReceivedMessage): void {
    const work = handle(message, patience.signal).finally(() => {
      active.delete(work);
      if (active.size === concurrency - 1) wake();
    });
    active.add(work);
  }

  async function receive(handle: MessageHandler): Promise<void> {
    let idle = idleMs.shortest;
    while (!closing.signal.aborted) {
      for (const due of hints) {
        if (due > clock.now()) continue;
        hints.delete(due);
        idle = idleMs.shortest;
      }
      const room = Math.min(concurrency - active.size, largestBatch);
      if (room <= 0) {
        await pause(idleMs.longest);
        continue;
      }
      const received = await queue
        .receive(room, visibilitySeconds, { signal: closing.signal })
        .catch((error: unknown) => {
          if (!closing.signal.aborted) logger.warn({ err: error }, 'the work queue cannot be read; it is tried again');
          return [];
        });
      // Those that came with the end are given back at once.
      if (closing.signal.aborted) await Promise.allSettled(received.map((message) => queue.hide(message, 0, {})));
      else for (const message of received) start(handle, message);
      idle = received.length > 0 ? idleMs.shortest : Math.min(idle * 2, idleMs.longest);
      if (received.length < room) await pause(idle);
    }
  }

  return {
    schedule: (wakeUp, at, options = {}) => send(encodeWakeUp(wakeUp, at), at, options),

    consume(onWakeUp: WakeUpHandler) {
      if (loop !== undefined) throw new TypeError('the queue has a consumer already');
      const chain = (text: string, at: number) => send(text, at, {});
      const shared = { queue, poison, clock, logger, visibilitySeconds, retrySeconds };
      loop = receive(messageHandler({ ...shared, onWakeUp, onEvent, chain }));
    },

    async close() {
      closing.abort(new Error('the work queue is closing'));
      wake();
      await loop;
      const cancelPatience = clock.after(patienceMs, () => patience.abort(new Error('the work queue is closing')));
      await Promise.all(active);
      cancelPatience();
    },

    async poison(options = {}) {
      const count = await poison.count(options);
      const texts = count === 0 ? [] : await poison.peek(samples, options);
      return { count, sample: texts.map((text) => ({ text, why: reason(text) })) };
    },

    // Changes nothing: a message that is sent to try it out would come back as work.
    async check(options = {}) {
      await queue.count(options);
    },
  };
}

function reason(text: string): string {
  const message = decodeMessage(text);
  switch (message.kind) {
    case 'poison':
      return message.why;
    case 'wakeUp':
      return `the handling of run ${message.wakeUp.runId} failed each time`;
    case 'event':
      return `the handling of an event of run ${message.runId} failed each time`;
  }
}
