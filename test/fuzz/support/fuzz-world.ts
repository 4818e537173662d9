import { createClient } from '../../../src/client/client.ts';
import { scopes } from '../../../src/contract/routes.ts';
import { newApiKey, type ApiKeyEntry } from '../../../src/http/api-keys.ts';
import { answerJudge, type AnswerJudge } from './answer-judge.ts';
import type { ApiDocument } from './api-document.ts';
import type { Variant } from './broken-servers.ts';
import { pushTask, prepare } from './fixtures.ts';
import { fuzzServer, type FuzzServer } from './fuzz-server.ts';

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
  taskChanged(name: string, signal: AbortSignal): Promise<void>;
  dispose(): Promise<void>;
}

export interface WorldOptions {
  hasKeys: boolean;
  variant?: Variant;
  headersMs?: number;
  bodyMs?: number;
}

export async function fuzzWorld({ hasKeys, ...settings }: WorldOptions): Promise<FuzzWorld> {
  const all = newApiKey({ name: 'all', scopes: [...scopes] });
  const limited = newApiKey({
    name: 'limited',
    scopes: ['runs:read', 'tasks:read', 'schedules:read'],
    tasks: ['Plain'],
  });
  const keys: ApiKeyEntry[] = [all.entry, limited.entry];
  const server = await fuzzServer({ ...settings, ...(hasKeys ? { keys } : {}) });
  try {
    const client = createClient({ url: server.url, apiKey: all.key });
    const fixtures = await prepare(client);
    const { cursor = '' } = await client.list({ limit: 1 });
    const words = new Map(
      Object.entries({
        ...fixtures,
        key: all.key,
        limited: limited.key,
        latest: fixtures.ended,
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
      taskChanged: (name, signal) => pushTask(client, name, signal),
      dispose: () => server.dispose(),
    };
  } catch (error) {
    await server.dispose();
    throw error;
  }
}
