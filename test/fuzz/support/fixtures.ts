import { setTimeout } from 'node:timers/promises';

import type { Client } from '../../../src/client/client.ts';
import { strictTask } from '../../hostile/corpus.ts';
import { outputFile } from './quick-runner.ts';
import { goneHost } from './stand-ins.ts';

const image = { dockerImage: 'busybox', scriptName: 'plain.sh' };
const text = { parameterName: 'Text', parameterType: 'string' };
const script = new Blob(['#!/bin/sh\nexit 0\n']);

/** The tasks of the server under test, by name. */
const tasks = new Map<string, object>(
  [
    { taskName: 'Plain', ...image },
    { taskName: 'Spare', ...image },
    { taskName: 'Lost', ...image },
    { taskName: 'Off', ...image, enabled: false },
    { taskName: 'Held', ...image, concurrency: { limit: 1 } },
    { taskName: 'Reject', ...image, concurrency: { limit: 1, onLimit: 'reject' } },
    strictTask,
    { taskName: 'Steady', ...image, scriptParameters: [{ ...text, pattern: '^(?:a|s[a-z]+)$' }] },
  ].map((task) => [task.taskName, task]),
);

/** Stores the task of this name; nothing, where it is none of these. */
export async function pushTask(client: Client, name: string, signal?: AbortSignal): Promise<void> {
  if (tasks.has(name)) await client.push(name, tasks.get(name), { executable: script, signal });
}

export interface Fixtures {
  /** Ended well, with a log and a file. */
  ended: string;
  lost: string;
  /** Goes on until it is stopped. */
  held: string;
  /** Goes on, and its task takes no other meanwhile. */
  rejecting: string;
  /** Has two webhooks: of the first the receiver wants no more, the second was delivered. */
  told: string;
  /** That of the task `Plain`. */
  version: string;
}

/** How many runs {@link prepare} asks for. */
export const fixtureRuns = 5;

/** Stores all the tasks and brings runs of them into each state that a request may be about. The driver is that of `quickRunner`. */
export async function prepare(client: Client): Promise<Fixtures> {
  for (const name of tasks.keys()) await pushTask(client, name);
  const start = async (taskName: string) => (await client.run({ taskName, parameters: [] })).id;
  const ended = await start('Plain');
  const lost = await start('Lost');
  const held = await start('Held');
  const rejecting = await start('Reject');
  const webhook = [goneHost, 'receiver.example'].map((host) => ({ url: `https://${host}/`, format: 'slack' as const }));
  const told = (await client.run({ taskName: 'Plain', parameters: [], webhook })).id;
  for (const [id, state] of [
    [ended, 'succeeded'],
    [told, 'succeeded'],
    [lost, 'lost'],
  ] as const) {
    const run = await client.wait(id);
    if (run.state !== state) throw new Error(`the run of the test is ${run.state}: ${run.message}`);
  }
  await client.output(ended, outputFile);
  await deliveries(client, told);
  const { version = '' } = await client.task('Plain');
  return { ended, lost, held, rejecting, told, version };
}

/** Webhooks follow the end of a run. */
async function deliveries(client: Client, id: string): Promise<void> {
  const until = performance.now() + 60_000;
  for (;;) {
    const states = (await client.get(id)).webhooks?.map(({ state }) => state).join();
    if (states === 'dead,delivered') return;
    if (performance.now() > until) throw new Error(`the webhooks of the test are ${states}`);
    await setTimeout(20);
  }
}
