import { setTimeout as pause } from 'node:timers/promises';

import type { RunView } from '../../../src/contract/run.ts';
import { newSecret, startTask } from './attack-all.ts';
import type { Neighbour } from './attack-facts.ts';
import type { Place } from './place.ts';

/** Starts the quiet run, and resolves once it is under way. */
export async function startNeighbour(place: Place): Promise<Neighbour> {
  const secret = newSecret();
  const { id } = await startTask(place, {
    name: 'neighbour',
    as: 'neighbour',
    parameters: {},
    secret,
    definition: { timeouts: { runSeconds: 1800, graceSeconds: 2 } },
  });
  for await (const { text } of place.client.logs(id)) if (text.includes('line 2')) break;
  const { network } = await containerOf(id, place);
  const { NetworkSettings } = await place.docker.getContainer(network).inspect();
  const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '';
  return { runId: id, secret, address };
}

/** Tells it that it is enough, and waits for its end. */
export async function endNeighbour({ runId }: Neighbour, place: Place): Promise<RunView> {
  const { own } = await containerOf(runId, place);
  const exec = await place.docker.getContainer(own).exec({ Cmd: ['touch', '/tmp/enough'] });
  await exec.start({ Detach: true });
  return place.client.wait(runId);
}

async function containerOf(runId: string, place: Place): Promise<{ own: string; network: string }> {
  for (let tries = 0; tries < 100; tries += 1) {
    const run = await place.client.get(runId);
    const found = await place.find(run.attempts.at(-1)?.containerName ?? '');
    if (found !== undefined) return found;
    await pause(100);
  }
  throw new Error(`the container of ${runId} was not found: ${JSON.stringify(await place.client.get(runId))}`);
}

export interface Calls {
  answers: number;
  slowestMs: number;
  failures: string[];
}

/** Asks the orchestrator again and again, until `stop`. */
export function steadyCaller({ client }: Place): { stop(): Promise<Calls> } {
  const stopped = new AbortController();
  const calls: Calls = { answers: 0, slowestMs: 0, failures: [] };
  const calling = (async () => {
    while (!stopped.signal.aborted) {
      const began = performance.now();
      try {
        await client.list({ limit: 5 });
        calls.answers += 1;
      } catch (error) {
        calls.failures.push(String(error));
      }
      calls.slowestMs = Math.max(calls.slowestMs, performance.now() - began);
      await pause(100);
    }
  })();
  return {
    stop: async () => {
      stopped.abort();
      await calling;
      return calls;
    },
  };
}
