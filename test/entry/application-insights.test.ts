import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';

import { HttpRequest } from '@azure/functions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { toRequest } from '../../src/entry/functions/web-request.ts';
import { selfSigned } from '../support/certificate.ts';
import { listen } from '../support/listen.ts';

const run = promisify(execFile);

/** As https://learn.microsoft.com/azure/azure-monitor/app/api-custom-events-metrics has them on the wire. */
interface Envelope {
  name: string;
  tags: Record<string, string>;
  data: {
    baseType: string;
    baseData: { name?: string; id?: string; properties?: Record<string, string>; metrics?: { name: string }[] };
  };
}

let directory: string;
let ingestion: Server;
let port: number;
const received: Envelope[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-insights-'));
  const tls = await selfSigned(['localhost']);
  await writeFile(join(directory, 'ca.pem'), tls.cert);
  ingestion = createServer(tls, (request, response) => {
    void (async () => {
      const body = await buffer(request);
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
      const envelopes = JSON.parse(text) as Envelope[];
      received.push(...envelopes);
      const { length } = envelopes;
      response
        .writeHead(200, { 'Content-Type': 'application/json' })
        .end(JSON.stringify({ itemsReceived: length, itemsAccepted: length, errors: [] }));
    })();
  });
  port = await listen(ingestion);
});
afterAll(async () => {
  const closed = once(ingestion, 'close');
  ingestion.close();
  ingestion.closeAllConnections();
  await closed;
  await rm(directory, { recursive: true });
});

async function functionApp(): Promise<{ id: string; state: string; log: string }> {
  const guard = pathToFileURL(join(import.meta.dirname, '../support/loopback-only.ts')).href;
  const { stdout } = await run(
    process.execPath,
    ['--import', guard, join(import.meta.dirname, 'support/insights-process.ts'), `https://localhost:${port}`],
    // The exporter tells its makers how it is used, unless this is set.
    {
      env: {
        ...process.env,
        APPLICATION_INSIGHTS_NO_STATSBEAT: '1',
        NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
      },
      timeout: 120_000,
    },
  );
  return JSON.parse(stdout) as { id: string; state: string; log: string };
}

describe('the function app', () => {
  test(
    'exports one trace to Application Insights, and hands it to the task by signed URLs',
    { timeout: 150_000 },
    async () => {
      const { id, state, log } = await functionApp();
      expect(state).toBe('succeeded');
      const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
      const mine = received.filter(({ tags }) => tags['ai.operation.id'] === trace);
      const named = (name: string): Envelope[] => mine.filter(({ data }) => data.baseData.name === name);
      // The host tells of the request itself; a second one would be counted as another.
      expect(named('POST /api/runs')).toMatchObject([
        {
          tags: { 'ai.operation.parentId': '00f067aa0ba902b7', 'ai.cloud.role': 'errand-test' },
          data: { baseType: 'RemoteDependencyData' },
        },
      ]);
      expect(named('attempt')).toMatchObject([{ data: { baseData: { properties: { 'errand.run.id': id } } } }]);
      const [create] = named('createContainer');
      expect(log).toContain(`parent is 00-${trace}-${create?.data.baseData.id}-01, state is vendor=1`);
      const figures = received.flatMap(({ data }) => data.baseData.metrics ?? []).map(({ name }) => name);
      expect(figures).toContain('errand.run.ended');
    },
  );
});

describe('a request of the host', () => {
  const parent = '00-0000000000000000000000000000000a-000000000000000b-01';
  const own = '00-0000000000000000000000000000000c-000000000000000d-01';
  const asked = new HttpRequest({
    method: 'GET',
    url: 'http://localhost/api/runs',
    headers: { traceparent: own, tracestate: 'a=1' },
  });

  test.each([
    ['is below the span of the host', { traceParent: parent }, [parent, null]],
    ['brings the state of that along', { traceParent: parent, traceState: 'b=2' }, [parent, 'b=2']],
    ['is below its caller where the host has none', {}, [own, 'a=1']],
    ['is below its caller where the host tells nobody', undefined, [own, 'a=1']],
  ])('%s', (_, given, [traceparent, tracestate]) => {
    const { headers } = toRequest(asked, given);
    expect([headers.get('traceparent'), headers.get('tracestate')]).toEqual([traceparent, tracestate]);
  });
});
