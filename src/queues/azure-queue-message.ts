import { runIdPattern } from '../contract/names.ts';
import type { WakeUp } from '../core/ports/work-queue.ts';

/** What a message of the work queue says. */
export type QueueMessage =
  | {
      kind: 'wakeUp';
      wakeUp: WakeUp;
      /** Not before this, in milliseconds since the epoch: a queue hides a message for seven days at most, so longer waits are made of several. */
      at: number;
    }
  /** Fence or result of an attempt has been written: put into the queue by Event Grid. */
  | { kind: 'event'; runId: string; attempt: number }
  /** Nothing that can be worked on. */
  | { kind: 'poison'; why: string };

/** The text of a message: JSON in base64, as the queue trigger of Functions takes it. `at` in milliseconds since the epoch. */
export function encodeWakeUp({ runId, wakeId }: WakeUp, at: number): string {
  return Buffer.from(JSON.stringify({ runId, wakeId, at })).toString('base64');
}

/** The wake-up of a text that {@link encodeWakeUp} made, undefined for any other. */
export function decodeWakeUp(text: string): { wakeUp: WakeUp; at: number } | undefined {
  const message = decodeMessage(text);
  return message.kind === 'wakeUp' ? { wakeUp: message.wakeUp, at: message.at } : undefined;
}

/**
 * Reads the text of a message: a wake-up of ours, or an event of Event Grid (its own schema, or CloudEvents 1.0), in base64 or plain, as Functions hands
 * it over. Never throws, whatever the text is. Source: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
 */
export function decodeMessage(text: string): QueueMessage {
  const value = parsed(text) ?? parsed(Buffer.from(text, 'base64').toString());
  const message = Array.isArray(value) && value.length === 1 ? (value[0] as unknown) : value;
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    return { kind: 'poison', why: 'it is no JSON object' };
  return 'wakeId' in message ? wakeUpOf(message) : eventOf(message);
}

function wakeUpOf(message: object): QueueMessage {
  const { runId, wakeId, at }: { runId?: unknown; wakeId?: unknown; at?: unknown } = message;
  if (typeof runId !== 'string' || typeof wakeId !== 'string' || typeof at !== 'number' || !Number.isFinite(at))
    return { kind: 'poison', why: 'it is a wake-up without runId, wakeId and at' };
  return { kind: 'wakeUp', wakeUp: { runId, wakeId }, at };
}

const blobCreated = 'Microsoft.Storage.BlobCreated';
const subjectPattern =
  /^\/blobServices\/default\/containers\/[^/]+\/blobs\/exchanges\/([^/]+)\/([1-9][0-9]{0,5})\/(?:fence|result\.json)$/;

function eventOf(message: object): QueueMessage {
  const { eventType, type, subject }: { eventType?: unknown; type?: unknown; subject?: unknown } = message;
  if (eventType !== blobCreated && type !== blobCreated)
    return { kind: 'poison', why: `it is neither a wake-up nor an event of the type ${blobCreated}` };
  const [, runId = '', attempt] = subjectPattern.exec(typeof subject === 'string' ? subject : '') ?? [];
  if (!runIdPattern.test(runId))
    return { kind: 'poison', why: 'its event is of a blob that is neither fence nor result of an attempt' };
  return { kind: 'event', runId, attempt: Number(attempt) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
