import type { Acceptance } from '../../../promise/evidence.ts';
import { pause } from '../../../crash/support/processes.ts';
import type { Kind } from './tasks.ts';

/** Clients that repeat with their key what was not answered, as the documentation asks of them. */
export interface Callers {
  /** Asks until a run is the answer, and answers with its id. */
  run(key: string, kind: Kind): Promise<string>;
  /** Asks until it is answered. */
  cancel(runId: string): Promise<void>;
  /** One request for a run, once. What went wrong below HTTP is thrown. */
  ask(key: string, kind: Kind): Promise<Answer>;
  acceptances: readonly Acceptance[];
  kindOf(runId: string): Kind | undefined;
  /** Ids of runs whose cancel was answered with `canceled` while nothing had been started for them. */
  canceledBeforeStart: readonly string[];
  /** Requests that were not answered, or with an error that allows a repetition. */
  repeated(): number;
  /** Lets those go who still ask: their scenario is over. */
  close(): void;
}

export interface Answer {
  status: number;
  contentType: string;
  body: unknown;
}

const patienceMs = 120_000;
const answerWithinMs = 8_000;
const pauseMs = 100;

/** `url` is that of a server which is up, as far as is known; `tally` is the file as the tasks see it. */
export function callers(url: () => string, tally: string): Callers {
  const acceptances: Acceptance[] = [];
  const kindsOf = new Map<string, Kind>();
  const canceledBeforeStart: string[] = [];
  let repeated = 0;
  let isClosed = false;

  async function send(path: string, init: RequestInit): Promise<Answer> {
    const answer = await fetch(url() + path, { ...init, signal: AbortSignal.timeout(answerWithinMs) });
    const text = await answer.text();
    const contentType = answer.headers.get('content-type') ?? '';
    return { status: answer.status, contentType, body: contentType.includes('json') ? JSON.parse(text) : text };
  }

  async function ask(key: string, kind: Kind): Promise<Answer> {
    const answer = await send('/api/runs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ taskName: kind, parameters: [{ name: 'Tally', value: tally }] }),
    });
    if (answer.status === 202) {
      const { id } = answer.body as { id: string };
      acceptances.push({ key, runId: id });
      kindsOf.set(id, kind);
    }
    return answer;
  }

  /** The answer that is wanted; all others, and none, are reasons to ask again. */
  async function persist(what: string, request: () => Promise<Answer>, ...wanted: number[]): Promise<Answer> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const answer = await request().catch((error: unknown) => String(error));
      if (typeof answer !== 'string' && wanted.includes(answer.status)) return answer;
      const got = typeof answer === 'string' ? answer : `${answer.status} ${JSON.stringify(answer.body)}`;
      const isFinal = typeof answer !== 'string' && answer.status < 500;
      if (isFinal || isClosed || performance.now() > deadline) throw new Error(`${what} was answered with ${got}`);
      repeated += 1;
      await pause(pauseMs);
    }
  }

  async function run(key: string, kind: Kind): Promise<string> {
    const { body } = await persist(`the request ${key}`, () => ask(key, kind), 202);
    return (body as { id: string }).id;
  }

  return {
    ask,
    run: (key, kind) => {
      const id = run(key, kind);
      // A scenario that fails does not come to await all whom it has sent.
      id.catch(() => undefined);
      return id;
    },
    cancel: async (runId) => {
      const cancel = () => send(`/api/runs/${runId}/cancel`, { method: 'POST' });
      const { body } = await persist(`the cancel of ${runId}`, cancel, 200, 202);
      const { state, attempts } = body as { state: string; attempts: unknown[] };
      if (state === 'canceled' && attempts.length === 0) canceledBeforeStart.push(runId);
    },
    acceptances,
    kindOf: (runId) => kindsOf.get(runId),
    canceledBeforeStart,
    repeated: () => repeated,
    close: () => {
      isClosed = true;
    },
  };
}
