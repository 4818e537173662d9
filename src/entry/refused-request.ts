import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ErrandError, errorTable } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import { problemDetails } from '../http/problem.ts';

/** How long a refusal may take to be sent, in milliseconds: whoever does not read it is not waited for. */
const farewellMs = 1_000;

const nosniff = ['X-Content-Type-Options', 'nosniff'] as const;

/** The answer to a request of which no address can be made: its target or its Host is none. */
export function refuseAddress(): Response {
  const requestId = randomUUID();
  const error = new ErrandError(
    'malformedRequest',
    'the target of the request or its Host header is not one: send a path without backslashes, and the name of the server as Host',
  );
  return new Response(JSON.stringify(problemDetails(error, requestId)), {
    status: errorTable[error.code].status,
    headers: [['Content-Type', 'application/problem+json'], ['X-Request-Id', requestId], [...nosniff]],
  });
}

/** Answers what the parser of HTTP refuses: as the app would, since there is no request that the app could answer. */
export function parserRefusals(clock: Clock): {
  /** To be told of each answer that begins: another one must not be written into it. */
  answering(incoming: IncomingMessage, outgoing: ServerResponse): void;
  refuse(error: Error & { code?: string }, socket: Duplex): void;
} {
  const answers = new WeakMap<Duplex, ServerResponse>();
  return {
    answering: (incoming, outgoing) => {
      answers.set(incoming.socket, outgoing);
    },
    refuse: (error, socket) => {
      const last = answers.get(socket);
      const isAnswering = last !== undefined && last.headersSent && !last.writableFinished;
      if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) {
        socket.destroy();
        return;
      }
      socket.end(refusalText(refusalOf(error.code)), () => socket.destroy());
      const cancel = clock.after(farewellMs, () => socket.destroy());
      socket.once('close', cancel);
    },
  };
}

/** Codes are those of Node's HTTP parser. */
function refusalOf(code: string | undefined): ErrandError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ErrandError('headersTooLarge', 'address and headers together are too long: send less in them');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new ErrandError('requestTimeout', 'the request did not arrive in time: send it again, without pauses');
  return new ErrandError('malformedRequest', 'this is no HTTP/1.1 that can be understood (RFC 9112)');
}

function refusalText(error: ErrandError): string {
  const requestId = randomUUID();
  const body = JSON.stringify(problemDetails(error, requestId));
  const { status, title } = errorTable[error.code];
  const lines = [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    nosniff.join(': '),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
