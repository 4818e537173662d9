import { setTimeout as pause } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { inspect } from 'node:util';

import { pino } from 'pino';

import { instantEngine } from '../../../emulator/server.ts';
import type { Context } from '../../../src/core/context.ts';
import { atRest } from '../../crash/support/azure-at-rest.ts';
import { connectionString, type Azurite } from '../../support/azurite.ts';
import { startLossyProxy } from '../../support/lossy-proxy.ts';
import { processBehavior } from '../../support/process-behavior.ts';
import { azureStage, subscription, untilState } from './azure-stage.ts';
import { canary, evidence, type Evidence } from './leak-scan.ts';
import type { LeakTelemetry } from './leak-telemetry.ts';
import { wireTap } from './wire-tap.ts';

export interface LeakWorldOptions {
  azurite: Azurite;
  /** Begins the names of tables, containers and queue. */
  prefix: string;
  /** A file that lets the task go on to its end. */
  gate: string;
  decorate?: (context: Context) => Context;
  telemetry: LeakTelemetry;
}

const groups = `/subscriptions/${subscription}/resourceGroups/runs/providers/Microsoft.ContainerInstance/containerGroups`;
const executable = `#!/bin/sh
echo "the token is $Token, and mine is $(printf %s "$Token" | base64)"
env
while [ ! -e "$Gate" ]; do sleep 0.1; done
echo '{"done":true}' >"$ERRAND_OUTPUT"
`;

const parameters = [
  { parameterName: 'Gate', parameterType: 'string', required: true },
  { parameterName: 'Token', parameterType: 'secret', required: true, pattern: '^Zimt' },
];

/** Everything that an outsider gets to read while a run with a secret succeeds, another fails, and requests are refused. */
export async function lookEverywhere(options: LeakWorldOptions): Promise<Evidence> {
  const { telemetry, prefix } = options;
  const seen = await telemetry.within(prefix, () => lookInside(options));
  seen.note('spans', telemetry.spansOf(prefix));
  seen.note('metrics', await telemetry.metrics());
  return seen;
}

async function lookInside({ azurite, prefix, gate, decorate }: LeakWorldOptions): Promise<Evidence> {
  const seen = evidence();
  const taps = { queue: await wireTap(azurite.queueUrl), table: await wireTap(azurite.tableUrl) };
  // Executables of the task that is to fail cannot be had.
  const blobs = await startLossyProxy(azurite.blobUrl);
  blobs.decide = ({ url }) => (url.includes('/broken.sh') ? { status: 403, body: 'no entry' } : 'pass');
  const logger = pino({ level: 'debug' }, { write: (line: string) => seen.note('our own log', line) });
  const stage = await azureStage({
    connectionString: connectionString({
      blobUrl: azurite.blobUrl,
      queueUrl: taps.queue.url,
      tableUrl: taps.table.url,
    }),
    runnerBlobEndpoint: `${blobs.origin}${new URL(azurite.blobUrl).pathname}`,
    prefix,
    engine: instantEngine({ behavior: processBehavior, hasImage: (image) => image !== 'gone:1' }),
    logger,
    decorate,
  });
  const { emulator, context, orchestrator, app } = stage;

  async function call(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<string> {
    const answer = await app.request(`http://localhost${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'Content-Type': 'application/json', ...headers },
    });
    const text = await answer.text();
    const shown = `${path} ${answer.status} ${JSON.stringify([...answer.headers])} ${text}`;
    seen.note(answer.ok ? 'answers of the API' : 'errors', shown);
    return text;
  }

  const idOf = (text: string): string => (JSON.parse(text) as { id: string }).id;

  async function fromPlatform(path: string): Promise<string> {
    const answer = await fetch(`${emulator.url}${path}?api-version=2025-09-01`);
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}`);
    return answer.text();
  }

  async function atPlatform(): Promise<void> {
    for (const path of [groups, groups.replace('/resourceGroups/runs', '')]) {
      const list = await fromPlatform(path);
      seen.note('bodies of Resource Manager', list);
      for (const { name } of (JSON.parse(list) as { value: { name: string }[] }).value) {
        const group = await fromPlatform(`${groups}/${name}`);
        seen.note('bodies of Resource Manager', group);
        const { properties } = JSON.parse(group) as { properties: { containers: { name: string }[] } };
        for (const container of properties.containers)
          seen.note('logs of runs', await fromPlatform(`${groups}/${name}/containers/${container.name}/logs`));
      }
    }
  }

  async function resting(): Promise<void> {
    for (const { place, text } of await atRest(azurite.connectionString, prefix)) {
      if (place.startsWith('table ')) seen.note('tables at rest', `${place}: ${text}`);
      if (place.startsWith('blob ')) seen.note('blobs at rest', `${place}: ${text}`);
    }
  }

  async function look(id: string): Promise<void> {
    for (const path of [
      `/api/runs/${id}`,
      '/api/runs',
      '/api/tasks',
      '/api/tasks/Long',
      '/api/tasks/Long/schema',
      '/metrics',
    ])
      await call(path);
    seen.note('logs of runs', await call(`/api/runs/${id}/logs`));
    await resting();
  }

  try {
    const put = (name: string, text: string) => context.artifacts.put(name, Buffer.from(text));
    const task = (taskName: string, scriptName: string, dockerImage = 'any:1') =>
      put(`${taskName}.json`, JSON.stringify({ taskName, dockerImage, scriptName, scriptParameters: parameters }));
    await put('long.sh', executable);
    await put('broken.sh', executable);
    await task('Long', 'long.sh');
    await task('Broken', 'broken.sh');
    await task('NoImage', 'long.sh', 'gone:1');
    await orchestrator.start();

    const request = (taskName: string, token = canary) => ({
      taskName,
      parameters: [
        { name: 'Gate', value: gate },
        { name: 'Token', value: token },
      ],
    });
    await call('/api/tasks/Long/plan', { parameters: request('Long').parameters });
    const id = idOf(await call('/api/runs', request('Long'), { 'Idempotency-Key': 'once' }));
    await untilState(context, id, /running/);
    await pause(500);
    await look(id);
    await atPlatform();

    // Refused: a value that does not fit, another value under a used key, a value for what takes none.
    await call('/api/runs', request('Long', `not ${canary}`));
    await call('/api/runs', request('Long', `${canary}!`), { 'Idempotency-Key': 'once' });
    await call('/api/runs', { taskName: 'Long', parameters: [{ name: 'Token', value: { in: canary } }] });
    await call(`/api/runs/${id}/rerun`, {});

    await writeFile(gate, '');
    await untilState(context, id, /succeeded/);
    await look(id);

    // An executable that cannot be had, an image that is not there, and answers of the platform that are none.
    for (const [name, switches] of [
      ['Broken', { lostCreateAnswer: 'next:1' }],
      ['NoImage', {}],
      ['Long', { lateServerError: 'next:1' }],
    ] as const) {
      emulator.switches.set(switches);
      const failing = idOf(await call('/api/runs', request(name)));
      await untilState(context, failing, name === 'Long' ? /succeeded/ : /failed/);
      seen.note('errors', JSON.stringify(await context.storage.getRun(failing)));
      await look(failing);
    }
    emulator.switches.set({ lostAnswer: 1 });
    const thrown = await context.driver.observe('errand-nowhere').catch((error: unknown) => error);
    seen.note('errors', inspect(thrown, { depth: 10, showHidden: true }));
    emulator.switches.set({ lostAnswer: 0 });
  } finally {
    await stage.close();
    await blobs.stop();
    for (const tap of Object.values(taps)) await tap.close();
  }
  for (const [, message = ''] of taps.queue.sent().matchAll(/<MessageText>([^<]+)/g))
    seen.note('messages of the queue', Buffer.from(message, 'base64').toString());
  seen.note('tables at rest', taps.table.sent());
  return seen;
}
