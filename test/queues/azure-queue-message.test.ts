import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, decodeWakeUp, encodeWakeUp } from '../../src/queues/azure-queue-message.ts';
import { sampleRunId } from '../../src/testing/sample-run.ts';

const runId = sampleRunId(1);
const result = `/blobServices/default/containers/errand/blobs/exchanges/${runId}/3/result.json`;

test('a wake-up comes out as it went in, in base64 and plain', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.integer(), (run, wakeId, at) => {
      const text = encodeWakeUp({ runId: run, wakeId }, at);
      expect(text).toMatch(/^[A-Za-z0-9+/]+=*$/);
      expect(decodeWakeUp(text)).toEqual({ wakeUp: { runId: run, wakeId }, at });
      expect(decodeWakeUp(Buffer.from(text, 'base64').toString())).toEqual({ wakeUp: { runId: run, wakeId }, at });
    }),
  );
});

describe('an event', () => {
  const events: [string, unknown][] = [
    ['of Event Grid', { eventType: 'Microsoft.Storage.BlobCreated', subject: result, data: { api: 'PutBlob' } }],
    ['as CloudEvents say it', { specversion: '1.0', type: 'Microsoft.Storage.BlobCreated', subject: result }],
    ['in a list of one', [{ eventType: 'Microsoft.Storage.BlobCreated', subject: result }]],
    ['of a fence', { type: 'Microsoft.Storage.BlobCreated', subject: result.replace('result.json', 'fence') }],
  ];

  test.each(events)('%s names run and attempt', (_, event) => {
    const text = JSON.stringify(event);
    for (const given of [text, Buffer.from(text).toString('base64')])
      expect(decodeMessage(given)).toEqual({ kind: 'event', runId, attempt: 3 });
  });
});

describe('what is neither is put aside', () => {
  const created = (subject: unknown) => JSON.stringify({ type: 'Microsoft.Storage.BlobCreated', subject });
  const cases = [
    '',
    'not base64 and no JSON',
    '[]',
    'null',
    '5',
    '"text"',
    '{}',
    '['.repeat(60_000),
    JSON.stringify({ runId, wakeId: 'w' }),
    JSON.stringify({ runId, wakeId: 5, at: 0 }),
    JSON.stringify({ runId, wakeId: 'w', at: 'now' }),
    JSON.stringify({ type: 'Microsoft.Storage.BlobDeleted', subject: result }),
    created(undefined),
    created(result.replace('result.json', 'log')),
    created(result.replace('result.json', 'files/result.json')),
    created(result.replace(runId, '..')),
    created(result.replace(runId, runId.toUpperCase())),
    created(result.replace('/3/', '/0/')),
    created(result.replace('/3/', '/-1/')),
    created(result.replace('exchanges/', 'exchanges/x/exchanges/')),
    created(`${result}\n`),
    created(`x${result}`),
  ];

  test.each(cases.map((text) => [text.slice(0, 60), text]))('%s', (_, text) => {
    for (const given of [text, Buffer.from(text).toString('base64')])
      expect(decodeMessage(given)).toEqual({ kind: 'poison', why: expect.stringMatching(/^it/) });
  });

  test('whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expect(['poison']).toContain(decodeMessage(text).kind);
      }),
    );
  });
});
