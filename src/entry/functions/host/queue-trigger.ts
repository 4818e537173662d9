import { rest, type Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/logger.ts';
import type { QueueAccess, ReceivedMessage } from '../../../queues/azure-queue-client.ts';

export interface QueueTriggerOptions {
  queue: QueueAccess;
  poison: QueueAccess;
  /** Carries out one message: its text, base64 undone. */
  invoke(text: string): Promise<void>;
  /** Between two looks into an empty queue, in milliseconds. */
  pollMs: number;
  clock: Clock;
  logger: Logger;
}

/** The host's defaults. Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json */
const batchSize = 16;
const maxDequeueCount = 5;
const hiddenSeconds = 600;

/** Takes messages as the host's queue trigger does: sixteen at a time, five tries each, then to the poison queue. Until `close`, which waits for what is under way. */
export function queueTrigger(options: QueueTriggerOptions): { close(): Promise<void> } {
  const { queue, poison, clock, logger, pollMs } = options;
  const closing = new AbortController();
  const { signal } = closing;

  async function carryOut(message: ReceivedMessage): Promise<void> {
    try {
      await options.invoke(Buffer.from(message.text, 'base64').toString());
    } catch (error) {
      if (message.dequeueCount < maxDequeueCount) {
        logger.warn({ err: error }, 'a message failed; it comes again');
        await queue.hide(message, 0, {});
        return;
      }
      logger.error({ err: error }, 'a message failed each time; it is put aside');
      await poison.send(message.text, 0, {});
    }
    await queue.remove(message, {});
  }

  async function loop(): Promise<void> {
    const underWay = new Set<Promise<void>>();
    while (!signal.aborted) {
      const room = batchSize - underWay.size;
      const received = room === 0 ? [] : await queue.receive(room, hiddenSeconds, { signal }).catch(nothing);
      for (const message of received) {
        const work = carryOut(message)
          .catch((error: unknown) => logger.error({ err: error }, 'the queue could not be told what came of a message'))
          .finally(() => underWay.delete(work));
        underWay.add(work);
      }
      if (received.length === 0) await rest(clock, pollMs, signal);
    }
    await Promise.all(underWay);
  }

  function nothing(error: unknown): ReceivedMessage[] {
    if (!signal.aborted) logger.warn({ err: error }, 'the work queue cannot be read; it is tried again');
    return [];
  }

  const looping = loop();
  return {
    close: () => {
      closing.abort(new Error('the host is closing'));
      return looping;
    },
  };
}
