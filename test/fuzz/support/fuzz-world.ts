import { newApiKey, type ApiKeyEntry } from '../../../src/http/api-keys.ts';
import { scopes } from '../../../src/contract/routes.ts';
import { createClient } from '../../../src/client/client.ts';
import { strictTask } from '../../hostile/corpus.ts';
import { answerJudge, type AnswerJudge } from './answer-judge.ts';
import type { ApiDocument } from './api-document.ts';
import { fuzzServer, type FuzzServer } from './fuzz-server.ts';
import { outputFile } from './quick-runner.ts';
import type { Variant } from './broken-servers.ts';

/** A server with tasks and runs of every kind, and what a request may name of them. */
export interface FuzzWorld {
  server: FuzzServer;
  document: ApiDocument;
  judge: AnswerJudge;
  key: string;
  /** Puts what is at hand into the placeholders of a text. */
  fill(text: string): string;
  /** A run that was accepted, as its answer shows it. */
  heard(run: { id: string; taskName: string }): void;
  /** A task was replaced or removed: if it is one of ours, it is made again. */
  taskChanged(name: string): Promise<void>;
  dispose(): Promise<void>;
}

export interface WorldOptions {
  hasKeys: boolean;
  variant?: Variant;
  headersMs?: number;
  bodyMs?: number;
}

const image = { dockerImage: 'busybox', scriptName: 'plain.sh' };
const text = { parameterName: 'Text', parameterType: 'string' };
const fixtures = new Map<string, object>(
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
const script = new Blob(['#!/bin/sh\nexit 0\n']);

export async function fuzzWorld({ hasKeys, ...settings }: WorldOptions): Promise<FuzzWorld> {
  const all = newApiKey({ name: 'all', scopes: [...scopes] });
  const limited = newApiKey({ name: 'limited', scopes: ['runs:read', 'tasks:read'], tasks: ['Plain'] });
  const keys: ApiKeyEntry[] = [all.entry, limited.entry];
  const server = await fuzzServer({ ...settings, ...(hasKeys ? { keys } : {}) });
  try {
    const client = createClient({ url: server.url, apiKey: all.key });
    const push = async (name: string): Promise<void> => {
      await client.push(name, fixtures.get(name), { executable: script });
    };
    for (const name of fixtures.keys()) await push(name);

    const runOf = async (taskName: string) => (await client.run({ taskName, parameters: [] })).id;
    const ended = await runOf('Plain');
    const lost = await runOf('Lost');
    const held = await runOf('Held');
    await runOf('Reject');
    for (const [id, state] of [
      [ended, 'succeeded'],
      [lost, 'lost'],
    ] as const) {
      const run = await client.wait(id);
      if (run.state !== state) throw new Error(`the run of the test is ${run.state}: ${run.message}`);
    }
    await client.output(ended, outputFile);
    const { cursor = '' } = await client.list({ limit: 1 });
    const words = new Map(
      Object.entries({
        key: all.key,
        limited: limited.key,
        ended,
        lost,
        held,
        latest: ended,
        cursor: encodeURIComponent(cursor),
      }),
    );
    const document = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as ApiDocument;
    return {
      server,
      document,
      judge: answerJudge(document),
      key: all.key,
      fill: (given) => given.replaceAll(/@([a-z]+)@/g, (whole, word: string) => words.get(word) ?? whole),
      heard: ({ id, taskName }) => {
        words.set(taskName === 'Held' ? 'held' : 'latest', id);
      },
      taskChanged: async (name) => {
        if (fixtures.has(name)) await push(name);
      },
      dispose: () => server.dispose(),
    };
  } catch (error) {
    await server.dispose();
    throw error;
  }
}
