import type { TokenCredential } from '@azure/identity';
import type { QueueClient } from '@azure/storage-queue';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { queueError, queueErrorFacts } from './azure-queue-errors.ts';

/** How to reach the queues of a storage account: by its keys, or as an identity. `ca`: a certificate (PEM) to trust beside the public ones. */
export type AzureQueueConnection =
  | { connectionString: string }
  | {
      /** Of the queue service: `https://<account>.queue.core.windows.net`. */
      endpoint: string;
      credential: TokenCredential;
      ca?: string | undefined;
    };

export interface ReceivedMessage {
  id: string;
  /** Who has it may delete or hide the message, until it is received by another. */
  popReceipt: string;
  text: string;
  /** How often it was received, this time included. */
  dequeueCount: number;
}

/** One queue, made by the first request that misses it. Texts are sent as they are: what is in them is encoded already. */
export interface QueueAccess {
  /** Hidden for so many seconds. Never expires. */
  send(text: string, hiddenSeconds: number, options: Cancelable): Promise<void>;
  receive(count: number, hiddenSeconds: number, options: Cancelable): Promise<ReceivedMessage[]>;
  /** Hides a message that was received. The new receipt, or undefined where another has received it since. */
  hide(message: ReceivedMessage, seconds: number, options: Cancelable): Promise<string | undefined>;
  /** False where another has received it since. Not there is fine. */
  remove(message: ReceivedMessage, options: Cancelable): Promise<boolean>;
  /** About how many there are, hidden ones included. */
  count(options: Cancelable): Promise<number>;
  /** Texts of the first ones, which stay as they are. */
  peek(count: number, options: Cancelable): Promise<string[]>;
  /** Sends a message and removes it before anybody can see it: proves the right to both. Where the removal fails it is seen for half a minute. */
  probe(text: string, options: Cancelable): Promise<void>;
}

/** What a request may take with its retries, in milliseconds: a connection that is dead says nothing. */
const requestTimeoutMs = 60_000;
const retryOptions = { maxTries: 5, retryDelayInMs: 200, maxRetryDelayInMs: 4_000 };
const longestPeek = 32;

export function queueAccess(connection: AzureQueueConnection, name: string, clock: Clock): QueueAccess {
  let client: Promise<QueueClient> | undefined;

  async function call<T>(
    { signal }: Cancelable,
    work: (queue: QueueClient, options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    client ??= connect(connection, name);
    const queue = await client;
    const timeout = new AbortController();
    const stopTimer = clock.after(requestTimeoutMs, () => timeout.abort());
    const options = { abortSignal: signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]) };
    try {
      return await work(queue, options).catch(async (error: unknown) => {
        if (queueErrorFacts(error).code !== 'QueueNotFound') throw error;
        await queue.createIfNotExists(options);
        return work(queue, options);
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw queueError(error, new URL(queue.url).host);
    } finally {
      stopTimer();
    }
  }

  /** Undefined where the message is not ours any more: its receipt is an older one, or it is gone. */
  async function ifOurs<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      const { code } = queueErrorFacts(error);
      if (code === 'MessageNotFound' || code === 'PopReceiptMismatch') return undefined;
      throw error;
    }
  }

  return {
    async send(text, hiddenSeconds, options) {
      await call(options, (queue, abort) =>
        queue.sendMessage(text, { ...abort, visibilityTimeout: hiddenSeconds, messageTimeToLive: -1 }),
      );
    },

    receive: (count, hiddenSeconds, options) =>
      call(options, async (queue, abort) => {
        const { receivedMessageItems } = await queue.receiveMessages({
          ...abort,
          numberOfMessages: count,
          visibilityTimeout: hiddenSeconds,
        });
        return receivedMessageItems.map(({ messageId, popReceipt, messageText, dequeueCount }) => ({
          id: messageId,
          popReceipt,
          text: messageText,
          dequeueCount,
        }));
      }),

    hide: ({ id, popReceipt, text }, seconds, options) =>
      call(options, async (queue, abort) => {
        const updated = await ifOurs(queue.updateMessage(id, popReceipt, text, seconds, abort));
        return updated === undefined ? undefined : (updated.popReceipt ?? popReceipt);
      }),

    remove: ({ id, popReceipt }, options) =>
      call(options, async (queue, abort) => (await ifOurs(queue.deleteMessage(id, popReceipt, abort))) !== undefined),

    count: (options) =>
      call(options, async (queue, abort) => (await queue.getProperties(abort)).approximateMessagesCount ?? 0),

    peek: (count, options) =>
      call(options, async (queue, abort) => {
        const found = await queue.peekMessages({ ...abort, numberOfMessages: Math.min(count, longestPeek) });
        return found.peekedMessageItems.map(({ messageText }) => messageText);
      }),

    probe: (text, options) =>
      call(options, async (queue, abort) => {
        const sent = await queue.sendMessage(text, { ...abort, visibilityTimeout: 60, messageTimeToLive: 90 });
        await queue.deleteMessage(sent.messageId, sent.popReceipt, abort);
      }),
  };
}

/** The SDK is loaded here, with the first use. */
async function connect(connection: AzureQueueConnection, name: string): Promise<QueueClient> {
  const { QueueClient } = await import('@azure/storage-queue');
  if ('connectionString' in connection) {
    try {
      return new QueueClient(connection.connectionString, name, { retryOptions });
    } catch {
      // The SDK's own message may quote the string, which holds a key.
      throw new ErrandError(
        'invalidConfiguration',
        'The connection string of the storage account cannot be read. Copy it once more from "Access keys" of the account; it starts with DefaultEndpointsProtocol=.',
      );
    }
  }
  const { endpoint, credential, ca } = connection;
  const options = { retryOptions, ...(ca === undefined ? {} : { tlsOptions: { ca } }) };
  return new QueueClient(`${endpoint.replace(/\/$/, '')}/${name}`, credential, options);
}
