import type { Cancelable } from './storage.ts';

export interface WebhookMessage {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** JSON. */
  body: string;
}

export type WebhookAnswer =
  /** Whatever the status is. `retryAfterSeconds` is what the receiver asks for. */
  | { kind: 'answered'; status: number; retryAfterSeconds?: number }
  /** It may not be sent there; nothing was connected. */
  | { kind: 'refused'; message: string }
  /** No answer came: a name that does not resolve, a connection that fails, a receiver that takes too long. */
  | { kind: 'unanswered'; message: string };

/**
 * Posts messages to addresses that callers chose, so it trusts none of them: only allowed and public addresses are connected, the address that was checked is
 * the one that is dialled, no redirect is followed, and what comes back is bounded in bytes and time.
 */
export interface WebhookSender {
  /** Sends once. Throws only the reason of its signal. */
  send(message: WebhookMessage, options?: Cancelable): Promise<WebhookAnswer>;
}
