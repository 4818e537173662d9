import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { WorkQueue } from '../core/ports/work-queue.ts';
import type { QueueAccess, ReceivedMessage } from './azure-queue-client.ts';
import { decodeMessage } from './azure-queue-message.ts';

export type WakeUpHandler = Parameters<WorkQueue['consume']>[0];
export type EventHandler = (
  event: { runId: string; attempt: number },
  options: { signal: AbortSignal },
) => Promise<void>;

/** Handles one message that was received: to its end, or to another time. Never throws: what fails is left to the queue. */
export type MessageHandler = (message: ReceivedMessage, signal: AbortSignal) => Promise<void>;

export interface MessageHandlerOptions {
  queue: QueueAccess;
  poison: QueueAccess;
  clock: Clock;
  logger: Logger;
  onWakeUp: WakeUpHandler;
  onEvent: EventHandler | undefined;
  /** Seconds that a message is hidden when it is received, and again and again while it is handled. */
  visibilitySeconds: number;
  /** Before the second try, in seconds; doubles each time up to the longest. */
  retrySeconds: { first: number; longest: number };
  /** Sends the text anew, hidden until it is due. */
  chain: (text: string, at: number) => Promise<void>;
}

/** A message that was received more often than this is put aside: what it asks for has failed each time. As the queue trigger of Functions has it. */
export const maximumReceives = 5;

export function messageHandler(options: MessageHandlerOptions): MessageHandler {
  const { queue, poison, clock, logger, visibilitySeconds, retrySeconds } = options;

  /** Put aside first, deleted then: killed between the two, it is put aside twice. */
  async function putAside(message: ReceivedMessage, why: string): Promise<void> {
    await poison.send(message.text, 0, {});
    await queue.remove(message, {});
    logger.error({ messageId: message.id, why }, 'a message of the work queue was put aside; "errand doctor" shows it');
  }

  /** Keeps the message hidden while `work` goes on. The receipt in `message` follows. */
  async function keepingHidden(message: ReceivedMessage, work: () => Promise<void>): Promise<void> {
    let isDone = false;
    let cancelTimer = (): void => {};
    let renewal = Promise.resolve();
    const renewLater = (): void => {
      cancelTimer = clock.after(visibilitySeconds * 500, () => {
        renewal = renew();
      });
    };
    const renew = async (): Promise<void> => {
      try {
        const receipt = await queue.hide(message, visibilitySeconds, {});
        if (receipt === undefined) return;
        message.popReceipt = receipt;
      } catch (error) {
        logger.warn({ messageId: message.id, err: error }, 'a message under way could not be kept hidden');
      }
      if (!isDone) renewLater();
    };
    renewLater();
    try {
      await work();
    } finally {
      isDone = true;
      cancelTimer();
      await renewal;
    }
  }

  async function attempt(message: ReceivedMessage, signal: AbortSignal): Promise<void> {
    if (message.dequeueCount > maximumReceives)
      return putAside(message, `it was received ${message.dequeueCount} times, and failed each time`);
    const decoded = decodeMessage(message.text);
    switch (decoded.kind) {
      case 'poison':
        return putAside(message, decoded.why);
      case 'wakeUp': {
        if (decoded.at > clock.now()) {
          // Sent anew first: killed between the two, there are two of it, and the record knows that both are the same.
          await options.chain(message.text, decoded.at);
          break;
        }
        await keepingHidden(message, () => options.onWakeUp(decoded.wakeUp, { signal }));
        break;
      }
      case 'event': {
        const { onEvent } = options;
        const { runId, attempt: number } = decoded;
        if (onEvent !== undefined) await keepingHidden(message, () => onEvent({ runId, attempt: number }, { signal }));
        break;
      }
    }
    await queue.remove(message, {});
  }

  return async (message, signal) => {
    try {
      await attempt(message, signal);
    } catch (error) {
      const seconds = Math.min(retrySeconds.first * 2 ** (message.dequeueCount - 1), retrySeconds.longest);
      logger.warn(
        { err: error, messageId: message.id, failures: message.dequeueCount, delay: seconds * 1000 },
        'a wake-up failed and will be tried again',
      );
      await queue.hide(message, seconds, {}).catch((cause: unknown) => {
        logger.warn({ err: cause, messageId: message.id }, 'it comes back when its time of being hidden is over');
      });
    }
  };
}
