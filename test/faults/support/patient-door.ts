import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

import { pause } from '../../crash/support/processes.ts';
import type { Acceptance } from '../../promise/evidence.ts';
import { listen } from '../../support/listen.ts';

export interface PatientDoor {
  url: string;
  /** What was answered with a run that was accepted. */
  acceptances: readonly Acceptance[];
  close(): Promise<void>;
}

/** Answers that say: the same request may succeed later. */
const later = new Set([503, 507]);
const mostTries = 1_000;
const longestPauseMs = 50;

/** Headers that belong to one connection. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host']);

/**
 * The client that the interface asks for, in front of a server under faults: what was answered with a 503 is asked again, with the same Idempotency-Key where
 * it starts a run, and an answer that broke off is fetched again. It stands before the end-to-end files, so that these stay as they are. A repeated request says
 * how often it was sent, in `errand-test-tries`.
 */
export async function patientDoor(target: string): Promise<PatientDoor> {
  const closing = new AbortController();
  const acceptances: Acceptance[] = [];
  let keys = 0;

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = incoming;
    const headers = plainHeaders(incoming.headers);
    const body = Buffer.concat(await incoming.toArray());
    if (method === 'POST' && /^\/api\/runs(?:\/[^/]+\/rerun)?$/.test(url))
      headers['idempotency-key'] ??= `patient-${process.pid}-${(keys += 1)}`;
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    const hasBody = method !== 'GET' && method !== 'HEAD';
    for (let tries = 1; ; tries += 1) {
      const answer = await fetch(`${target}${url}`, {
        method,
        headers,
        signal,
        redirect: 'manual',
        ...(hasBody ? { body } : {}),
      });
      if (later.has(answer.status) && tries < mostTries) {
        await answer.arrayBuffer();
        await pause(Math.min(longestPauseMs, Number(answer.headers.get('retry-after') ?? 1) * 1000));
        continue;
      }
      const given = Object.fromEntries([...answer.headers].filter(([name]) => !hopByHop.has(name)));
      if (tries > 1) given['errand-test-tries'] = String(tries);
      if (answer.headers.get('content-type')?.startsWith('text/event-stream') === true) {
        outgoing.writeHead(answer.status, given);
        outgoing.flushHeaders();
        for await (const chunk of answer.body ?? []) outgoing.write(chunk);
        return void outgoing.end();
      }
      const whole = await answer.arrayBuffer().catch((error: unknown) => {
        if (signal.aborted || hasBody || tries >= mostTries) throw error;
        return undefined;
      });
      if (whole === undefined) continue;
      const length = answer.headers.get('content-length');
      if (length !== null) given['content-length'] = method === 'HEAD' ? length : String(whole.byteLength);
      if (answer.status === 202) accepted(Buffer.from(whole), headers['idempotency-key']);
      outgoing.writeHead(answer.status, given);
      return void outgoing.end(Buffer.from(whole));
    }
  }

  /** A cancel is answered with 202 as well: that run is known already. */
  function accepted(body: Buffer, key: string | undefined): void {
    const { id } = JSON.parse(body.toString()) as { id: string };
    acceptances.push({ runId: id, key });
  }

  const server = createServer((incoming, outgoing) => {
    // What cannot be had is not had here either.
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    acceptances,
    close: async () => {
      closing.abort();
      server.closeAllConnections();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || hopByHop.has(name) ? [] : [[name, String(value)] satisfies [string, string]],
    ),
  );
}
