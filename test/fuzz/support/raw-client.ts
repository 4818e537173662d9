import { connect, type Socket } from 'node:net';

export interface Answer {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: string;
}

/** `answered` before `closed`: an answer that came whole. `silent`: nothing came in time, and the connection was left open. */
export type Outcome =
  | { kind: 'answered'; answer: Answer }
  | { kind: 'closed'; why: string }
  | { kind: 'silent'; received: number };

export interface Exchange {
  bytes: readonly (string | Uint8Array)[];
  /** Of an answer to HEAD no body follows. */
  method: string;
  patienceMs: number;
  /** Nothing more is sent on the connection: the server learns that at once. */
  last?: boolean;
}

export interface RawClient {
  send(exchange: Exchange): Promise<Outcome>;
  close(): void;
}

/** One connection, kept as long as the server keeps it, that sends any bytes and reads HTTP/1.1 (RFC 9112). */
export function rawClient(url: string): RawClient {
  const { hostname, port } = new URL(url);
  let kept: Socket | undefined;

  function once({ bytes, method, patienceMs, last }: Exchange, socket: Socket): Promise<Outcome> {
    return new Promise((resolve) => {
      let received: Buffer = Buffer.alloc(0);
      const settle = (outcome: Outcome, keep: boolean): void => {
        clearTimeout(timer);
        clearTimeout(streaming);
        socket.removeAllListeners('data').removeAllListeners('close').removeAllListeners('error');
        socket.on('error', () => undefined);
        kept = keep && last !== true ? socket : undefined;
        if (kept === undefined) socket.destroy();
        resolve(outcome);
      };
      const timer = setTimeout(() => settle({ kind: 'silent', received: received.length }, false), patienceMs);
      let streaming: NodeJS.Timeout | undefined;
      let error = '';
      const look = (isOver: boolean): void => {
        const read = readAnswer(received, method, isOver);
        if (read === undefined) return;
        const { answer, complete, reusable } = read;
        if (complete) return settle({ kind: 'answered', answer }, reusable && !isOver);
        // A stream of events may go on for ever: its beginning is enough.
        if (answer.headers.get('content-type')?.startsWith('text/event-stream') === true)
          streaming ??= setTimeout(() => {
            const now = readAnswer(received, method, true);
            settle({ kind: 'answered', answer: now?.answer ?? answer }, false);
          }, 20);
      };
      socket.on('data', (chunk: Buffer) => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        look(false);
      });
      socket.on('error', (cause: Error) => {
        error = cause.message;
      });
      socket.on('close', () => {
        look(true);
        settle({ kind: 'closed', why: error }, false);
      });
      for (const each of bytes) socket.write(each);
      if (last === true) socket.end();
    });
  }

  return {
    send: async (exchange) => {
      // One that the server has closed while it was idle will not say so again.
      const before =
        exchange.last === true || kept?.destroyed === true || kept?.readableEnded === true ? undefined : kept;
      if (before === undefined) kept?.destroy();
      kept = undefined;
      const outcome = await once(exchange, before ?? opened(hostname, Number(port)));
      // The server may have closed an idle connection just when it was used again.
      return before !== undefined && outcome.kind === 'closed'
        ? once(exchange, opened(hostname, Number(port)))
        : outcome;
    },
    close: () => kept?.destroy(),
  };
}

function opened(host: string, port: number): Socket {
  const socket = connect({ host, port, noDelay: true });
  return socket;
}

/** What has come of an answer, if its head has. Interim answers are passed over. `isOver`: nothing more will come. */
function readAnswer(
  received: Buffer,
  method: string,
  isOver: boolean,
): { answer: Answer; complete: boolean; reusable: boolean } | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [statusLine = '', ...lines] = received.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? Number.NaN);
  const rest = received.subarray(headEnd + 4);
  if (status >= 100 && status < 200) return readAnswer(rest, method, isOver);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const stays = headers.get('connection')?.toLowerCase() !== 'close';
  const done = (body: Buffer, complete: boolean, reusable: boolean) => ({
    answer: { status, headers, body: body.toString() },
    complete,
    reusable,
  });
  if (method === 'HEAD' || status === 204 || status === 304) return done(Buffer.alloc(0), true, stays);
  const length = headers.get('content-length');
  if (length !== undefined) {
    const body = rest.subarray(0, Number(length));
    return done(body, body.length === Number(length), stays);
  }
  if (headers.get('transfer-encoding') !== 'chunked') return done(rest, isOver, false);
  const { body, complete } = unchunked(rest);
  return done(body, complete, stays);
}

function unchunked(bytes: Buffer): { body: Buffer; complete: boolean } {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) break;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    if (size === 0) return { body: Buffer.concat(chunks), complete: true };
    const chunk = bytes.subarray(lineEnd + 2, lineEnd + 2 + size);
    chunks.push(chunk);
    at = lineEnd + 2 + size + 2;
    if (chunk.length < size) break;
  }
  return { body: Buffer.concat(chunks), complete: false };
}
