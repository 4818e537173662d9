import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { connect as secure } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import type { WebhookAnswer, WebhookMessage, WebhookSender } from '../core/ports/webhook-sender.ts';
import { addressProblem, hostOf, isExempt, portOf, targetProblem, type WebhookRules } from '../core/webhook-target.ts';

export interface HttpsSenderOptions {
  rules: WebhookRules;
  clock: Clock;
  /** Sent as `User-Agent`. */
  userAgent: string;
  /** All addresses of a name; the system's own way unless given. */
  resolve?: (host: string) => Promise<string[]>;
  /** Opens a connection to an address that was checked. */
  dial?: (address: string, port: number, options: { signal: AbortSignal }) => Promise<Socket>;
  /** A certificate (PEM) to trust instead of the public ones. */
  ca?: string | undefined;
  /** From the beginning to the headers of the answer, in milliseconds. */
  headersMs?: number;
  /** All of it, in milliseconds. */
  totalMs?: number;
}

/** What is read of an answer before the connection is closed: its status is all that counts. */
const answerBytes = 64 * 1024;
const headerBytes = 16 * 1024;

/**
 * Sends by HTTP/1.1, each message over a connection of its own: none is kept, so that no later message goes to an address that was checked for another one. A name is
 * resolved once, all of its addresses are checked, and one of these very addresses is dialled: what the name resolves to a moment later does not matter.
 */
export function httpsSender({
  rules,
  clock,
  userAgent,
  resolve = resolveAll,
  dial = dialTcp,
  ca,
  headersMs = 10_000,
  totalMs = 15_000,
}: HttpsSenderOptions): WebhookSender {
  async function post({ url: text, headers, body }: WebhookMessage, limits: Limits): Promise<WebhookAnswer> {
    const problem = targetProblem(text, rules);
    if (problem !== undefined) return { kind: 'refused', message: problem };
    const url = new URL(text);
    const addresses = await addressesOf(url);
    for (const address of isExempt(url, rules) ? [] : addresses) {
      const internal = addressProblem(address);
      if (internal !== undefined)
        return { kind: 'refused', message: `${hostOf(url)} is not to be called: ${internal}` };
    }
    const socket = await open(url, addresses, limits.signal);
    try {
      const sent = request({
        createConnection: () => socket,
        method: 'POST',
        path: url.pathname + url.search,
        headers: {
          ...headers,
          Host: url.host,
          'User-Agent': userAgent,
          'Content-Length': Buffer.byteLength(body),
          Connection: 'close',
        },
        maxHeaderSize: headerBytes,
        signal: limits.signal,
      });
      const answer = await answerTo(sent, body);
      limits.hasHeaders();
      await skim(answer);
      return answered(answer, clock.now());
    } finally {
      socket.destroy();
    }
  }

  async function addressesOf(url: URL): Promise<string[]> {
    const host = hostOf(url);
    const addresses = isIP(host) === 0 ? await resolve(host) : [host];
    if (addresses.length === 0) throw new Error(`${host} has no address`);
    return addresses;
  }

  /** The first address that takes the connection. */
  async function open(url: URL, addresses: readonly string[], signal: AbortSignal): Promise<Socket> {
    let failure: unknown;
    for (const address of addresses) {
      signal.throwIfAborted();
      try {
        const socket = await dial(address, Number(portOf(url)), { signal });
        // Whoever uses it hears of its failures; a failure that comes when nobody does any more is none.
        socket.on('error', ignore);
        return url.protocol === 'https:' ? await encrypted(socket, hostOf(url), signal) : socket;
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  async function encrypted(socket: Socket, host: string, signal: AbortSignal): Promise<Socket> {
    const tls = secure({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['http/1.1'],
      ...(ca === undefined ? {} : { ca }),
    });
    try {
      await once(tls, 'secureConnect', { signal });
      tls.on('error', ignore);
      return tls;
    } catch (error) {
      tls.destroy();
      throw error;
    }
  }

  return {
    send: async (message, { signal } = {}) => {
      signal?.throwIfAborted();
      const limits = limitsOf(clock, { headersMs, totalMs, signal });
      try {
        return await limits.bounded(post(message, limits));
      } catch (error) {
        signal?.throwIfAborted();
        return { kind: 'unanswered', message: why(limits.signal.aborted ? limits.signal.reason : error) };
      } finally {
        limits.end();
      }
    },
  };
}

interface Limits {
  /** Aborted when a time is over, or the caller's is. */
  signal: AbortSignal;
  hasHeaders(): void;
  /** What the work comes to, or a failure once the signal is aborted: a resolver cannot be told to stop. */
  bounded<T>(work: Promise<T>): Promise<T>;
  end(): void;
}

function limitsOf(
  clock: Clock,
  { headersMs, totalMs, signal }: { headersMs: number; totalMs: number; signal: AbortSignal | undefined },
): Limits {
  const over = new AbortController();
  let isAnswered = false;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (reason: unknown): void => {
    over.abort(reason);
    reject(reason);
  };
  const byCaller = (): void => abort(signal?.reason);
  signal?.addEventListener('abort', byCaller, { once: true });
  const stopHeaders = clock.after(headersMs, () => abort(new Error(`it did not answer within ${headersMs / 1000} s`)));
  const stopTotal = clock.after(totalMs, () => {
    const reason = new Error(`it did not answer within ${totalMs / 1000} s`);
    // An answer that does not end is cut off, and was one all the same.
    if (isAnswered) over.abort(reason);
    else abort(reason);
  });
  return {
    signal: over.signal,
    hasHeaders: () => {
      isAnswered = true;
      stopHeaders();
    },
    bounded: (work) => Promise.race([work, promise]),
    end: () => {
      stopHeaders();
      stopTotal();
      signal?.removeEventListener('abort', byCaller);
    },
  };
}

async function answerTo(sent: ClientRequest, body: string): Promise<IncomingMessage> {
  const response = once(sent, 'response') as Promise<[IncomingMessage]>;
  sent.end(body);
  const [answer] = await response;
  // What becomes of the connection after that is no failure: the status is known.
  sent.on('error', ignore);
  return answer;
}

/** Lets the receiver say what it has to say, within reason. Nothing of it is kept, and nothing unpacked. */
async function skim(answer: IncomingMessage): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of answer) {
      bytes += (chunk as Uint8Array).length;
      if (bytes > answerBytes) return;
    }
  } catch (error) {
    // Cut off after its status, by the receiver or by our time limit: the status is all that was wanted.
    if (!(error instanceof Error)) throw error;
  }
}

const ignore = (): void => undefined;

/** `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3). */
function answered({ statusCode = 0, headers }: IncomingMessage, now: number): WebhookAnswer {
  const text = headers['retry-after'] ?? '';
  const seconds = /^[0-9]{1,9}$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - now) / 1000);
  return { kind: 'answered', status: statusCode, ...(seconds > 0 ? { retryAfterSeconds: seconds } : {}) };
}

async function resolveAll(host: string): Promise<string[]> {
  return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
}

async function dialTcp(address: string, port: number, { signal }: { signal: AbortSignal }): Promise<Socket> {
  const socket = connect({ host: address, port });
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return error.message.includes(code.slice(2, -1)) && code !== '' ? error.message : `${error.message}${code}`;
}
