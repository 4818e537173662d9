import { createClient, ErrandApiError, ErrandConnectionError, type Client } from '../../../src/client/client.ts';
import type { Acceptance } from '../../promise/evidence.ts';
import { pause } from '../../crash/support/processes.ts';
import { holdsSecret } from './secret-forms.ts';
import type { SoakTask } from './soak-plan.ts';
import { taskNameOf } from './task-kinds.ts';

/** What a client heard. */
export interface Heard {
  acceptances: Acceptance[];
  /** Answered with `canceled` while nothing had been started. */
  canceledBeforeStart: string[];
  /** Answers that should not have been. */
  problems: string[];
}

export interface ClientsOptions {
  tasks: readonly SoakTask[];
  tally: string;
  url(): string | undefined;
  /** Something was accepted, or has ended. */
  onProgress(): void;
  signal: AbortSignal;
}

/** Requests under way at once: more than there is room for. */
const clients = 40;
const againMs = 100;

/** The shipped client, which asks whichever orchestrator is there. */
export function clientOf(url: () => string | undefined): Client {
  const base = 'http://errand.invalid';
  return createClient({
    url: base,
    fetch: async (input, init) => {
      const at = url();
      if (at === undefined) throw new TypeError('no orchestrator is there');
      const { pathname, search } = new URL(input instanceof Request ? input.url : input);
      return fetch(new URL(pathname + search, at), init);
    },
  });
}

/** Repeats what was not answered, for as long as it takes. */
export async function untilAnswered<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const isOutage = error instanceof ErrandApiError && [502, 503, 504].includes(error.status);
      // A body that breaks off is what fetch calls a TypeError.
      if (!(isOutage || error instanceof ErrandConnectionError || error instanceof TypeError)) throw error;
      await pause(againMs);
    }
  }
}

/** Sends every request, cancels what is to be canceled, and waits for each end. Resolves when all have ended, or with the signal. */
export async function serveAll(options: ClientsOptions): Promise<Heard> {
  const { tasks, tally, url, onProgress, signal } = options;
  const heard: Heard = { acceptances: [], canceledBeforeStart: [], problems: [] };
  const client = clientOf(url);
  const waiting = tasks.values();

  async function serve(task: SoakTask): Promise<void> {
    const { key, kind, number, secret, cancelAfterMs, repeats } = task;
    const parameters = [
      { name: 'Tally', value: tally },
      { name: 'Number', value: number },
      ...(secret === undefined ? [] : [{ name: 'Secret', value: secret }]),
    ];
    const ask = async (): Promise<string> => {
      const run = await untilAnswered(
        () => client.run({ taskName: taskNameOf(kind), parameters }, { idempotencyKey: key, signal }),
        signal,
      );
      heard.acceptances.push({ runId: run.id, key });
      return run.id;
    };
    const runId = await ask();
    onProgress();
    if (repeats) await ask();
    if (cancelAfterMs !== undefined) {
      await pause(cancelAfterMs);
      const run = await untilAnswered(() => client.cancel(runId, { signal }), signal);
      if (run.state === 'canceled' && run.attempts.length === 0) heard.canceledBeforeStart.push(runId);
    }
    const ended = await untilAnswered(() => client.wait(runId, { signal }), signal);
    onProgress();
    if (secret === undefined) return;
    const log = await untilAnswered(async () => (await client.log(runId, { signal })).text(), signal);
    if (holdsSecret(JSON.stringify(ended)) || holdsSecret(log))
      heard.problems.push(`an answer of run ${runId} holds its secret`);
    if (ended.state === 'succeeded' && !log.includes('the secret is ***\n'))
      heard.problems.push(`run ${runId} printed its secret, and its log has no mask: ${JSON.stringify(log)}`);
  }

  async function work(): Promise<void> {
    for (const task of waiting) {
      if (signal.aborted) return;
      try {
        await serve(task);
      } catch (error) {
        if (signal.aborted) return;
        heard.problems.push(`${task.key}: ${String(error)}`);
      }
    }
  }

  await Promise.all(Array.from({ length: clients }, work));
  return heard;
}
