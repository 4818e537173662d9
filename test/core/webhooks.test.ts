import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { RunRequest } from '../../src/contract/run-request.ts';
import { ErrandError } from '../../src/contract/errors.ts';
import { orchestrator } from '../../src/core/orchestrator.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import { request, startErrand, type Errand } from './support/errand.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const url = 'https://receiver.example/hooks/path-that-is-a-secret';
const standard = { url, format: 'standard', secret } as const;

/** Without sweeps in between: days pass in these tests. */
const start = (changes: Partial<Policy> = {}) => startErrand({ sweepEveryMs: 1e12, ...changes });

async function ended(errand: Errand, changes: Partial<RunRequest> = {}, exitCode = 0): Promise<RunRecord> {
  const run = await errand.ask('Demo', { webhook: standard, ...changes });
  return errand.runToEnd(run.id, exitCode);
}

const ids = (errand: Errand) => errand.receivers.sent.map(({ headers }) => headers['webhook-id']);
const states = async (errand: Errand, id: string) => (await errand.run(id)).webhooks?.map(({ state }) => state);

describe('a webhook of a request', () => {
  test('is in the very write that ends the run, and told of it at once', async () => {
    const errand = await start();
    const run = await ended(errand);
    const end = errand.history.find(({ id, state }) => id === run.id && state === 'succeeded');
    expect(end?.webhooks).toMatchObject([{ number: 1, state: 'pending', attempts: 0 }]);
    expect(errand.receivers.sent).toMatchObject([
      {
        url,
        headers: {
          'Content-Type': 'application/json',
          'webhook-id': `msg_${run.id}_1`,
          'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
        },
      },
    ]);
    expect(JSON.parse(errand.receivers.sent[0]?.body ?? '')).toMatchObject({
      type: 'run.ended',
      data: { id: run.id, taskName: 'Demo', state: 'succeeded', exitCode: 0 },
    });
    expect(run).toMatchObject({ open: false, webhooks: [{ state: 'delivered', attempts: 1, status: 204 }] });
  });

  test('is kept sealed until it is delivered, and erased then; nobody is shown more than its host', async () => {
    const errand = await start();
    const run = await ended(errand);
    for (const version of errand.history) {
      expect(JSON.stringify(version)).not.toContain('path-that-is-a-secret');
      expect(JSON.stringify(version)).not.toContain(secret);
    }
    const sealed = errand.history.map(({ webhooks }) => webhooks?.[0]?.sealed !== undefined);
    expect([sealed[0], sealed.at(-1)]).toEqual([true, false]);
    const { webhooks } = await errand.orchestrator.view(run);
    expect(webhooks).toEqual([
      {
        number: 1,
        from: 'request',
        format: 'standard',
        target: 'https://receiver.example',
        state: 'delivered',
        attempts: 1,
        status: 204,
        endedAt: expect.any(String),
      },
    ]);
  });

  test('keeps neither container nor slot, however long its receiver takes', async () => {
    const errand = await start();
    await errand.push({ taskName: 'Single', concurrency: { limit: 1 } });
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { send } = errand.receivers;
    errand.receivers.send = async (message, options) => {
      asked.resolve();
      await answered.promise;
      return send(message, options);
    };
    const first = await errand.ask('Single', { webhook: standard });
    const second = await errand.ask('Single');
    const name = await errand.container(first.id);
    errand.platform.boot(name);
    errand.platform.tell(first.id);
    errand.platform.finish(name, 0);
    errand.platform.tell(first.id);
    await asked.promise;
    expect(await errand.run(first.id)).toMatchObject({
      state: 'succeeded',
      open: true,
      attempts: [{ containerGone: true }],
    });
    expect(errand.platform.containers.has(name)).toBe(false);
    await expect.poll(async () => (await errand.run(second.id)).state, { timeout: 30_000 }).toBe('starting');
    answered.resolve();
    await errand.settle();
    expect(await states(errand, first.id)).toEqual(['delivered']);
  });

  test('is told though the platform is away', async () => {
    const errand = await start();
    const run = await errand.ask('Demo', { webhook: standard });
    const name = await errand.container(run.id);
    errand.platform.boot(name);
    errand.platform.tell(run.id);
    await errand.settle();
    errand.platform.reachable = false;
    errand.platform.finish(name, 0);
    errand.platform.tell(run.id);
    await errand.settle();
    expect(await errand.run(run.id)).toMatchObject({
      open: true,
      attempts: [{ containerGone: false }],
      webhooks: [{ state: 'delivered' }],
    });
  });

  test('is for the ends that were asked for', async () => {
    const errand = await start();
    const only = { ...standard, on: ['failed', 'timedOut'] as const };
    const fine = await ended(errand, { webhook: { ...only, on: [...only.on] } });
    expect(fine).toMatchObject({ open: false, webhooks: [{ state: 'unwanted', attempts: 0 }] });
    expect(fine.webhooks?.[0]?.sealed).toBeUndefined();
    expect(errand.receivers.sent).toEqual([]);
    const failed = await ended(errand, { webhook: { ...only, on: [...only.on] } }, 3);
    expect(ids(errand)).toEqual([`msg_${failed.id}_1`]);
  });

  test('tells of a run that was canceled before it started, too', async () => {
    const errand = await start();
    await errand.push({ taskName: 'Single', concurrency: { limit: 1 } });
    await errand.ask('Single');
    const { id } = await errand.ask('Single', { callbackUri: 'https://receiver.example/original' });
    await errand.orchestrator.cancel(id, 'ann');
    await errand.settle();
    expect(errand.receivers.sent).toMatchObject([
      { url: 'https://receiver.example/original', body: '{"TaskStatus":false}' },
    ]);
  });

  test('takes part in what makes two requests the same', async () => {
    const errand = await start();
    const asked = (changes: Partial<RunRequest>) =>
      errand.orchestrator.accept(request('Demo', changes), { principal: 'ann', idempotencyKey: 'k' });
    const { run } = await asked({ webhook: standard });
    expect((await asked({ webhook: standard })).run.id).toBe(run.id);
    await expect(asked({})).rejects.toMatchObject({ code: 'idempotencyKeyReused' });
    await expect(asked({ webhook: { ...standard, url: 'https://other.example/' } })).rejects.toMatchObject({
      code: 'idempotencyKeyReused',
    });
  });

  test.each([
    [{ webhook: { url, format: 'standard' } }, '/webhook/secret required'],
    [{ webhook: [standard, { ...standard, url: 'https://127.0.0.1/' }] }, '/webhook/1/url notAllowed'],
    [{ webhook: { ...standard, url: 'http://receiver.example/' } }, '/webhook/url notAllowed'],
    [{ callbackUri: 'https://[::1]/' }, '/callbackUri notAllowed'],
  ] as const)('that cannot be sent is refused with the request: %j', async (changes, problem) => {
    const errand = await start();
    const refused = await errand.orchestrator
      .plan(request('Demo', changes as unknown as Partial<RunRequest>))
      .catch((error: unknown) => error);
    if (!(refused instanceof ErrandError)) throw new Error('it was not refused');
    expect(refused.problems?.map(({ path, code }) => `${path} ${code}`)).toEqual([problem]);
  });
});

describe('a receiver that fails', () => {
  test('is asked again ten times in three days, under one id with a new time each, and then given up', async () => {
    const errand = await start();
    const times: number[] = [];
    errand.receivers.answer = () => {
      times.push(errand.clock.now());
      return { kind: 'unanswered', message: 'connect ECONNREFUSED' };
    };
    const run = await ended(errand);
    expect(await errand.orchestrator.view(run)).toMatchObject({
      webhooks: [{ state: 'pending', attempts: 1, problem: 'connect ECONNREFUSED' }],
    });
    await errand.advance(5 * 86_400_000);
    // A tenth is added, which is what the number that stands for chance comes to here.
    const waits = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1000);
    expect(waits.map(Math.round)).toEqual(
      [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map((delay) => Math.round(delay * 1.1)),
    );
    expect(new Set(ids(errand))).toEqual(new Set([`msg_${run.id}_1`]));
    expect(new Set(errand.receivers.sent.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10);
    const after = await errand.run(run.id);
    expect(after).toMatchObject({ open: false, webhooks: [{ state: 'dead', attempts: 10 }] });
  });

  test('and then works is told', async () => {
    const errand = await start();
    errand.receivers.answer = () => ({ kind: 'answered', status: errand.receivers.sent.length < 3 ? 503 : 200 });
    const run = await ended(errand);
    await errand.advance(600_000);
    expect(await errand.run(run.id)).toMatchObject({
      open: false,
      webhooks: [{ state: 'delivered', attempts: 3, status: 200 }],
    });
  });

  test('and says when to come back is left alone until then', async () => {
    const errand = await start();
    errand.receivers.answer = () => ({ kind: 'answered', status: 429, retryAfterSeconds: 3_600 });
    await ended(errand);
    await errand.advance(3_599_000);
    expect(errand.receivers.sent).toHaveLength(1);
    await errand.advance(1_000);
    expect(errand.receivers.sent).toHaveLength(2);
  });

  test.each([
    ['says that it is gone', { kind: 'answered', status: 410 }],
    ['may not be called', { kind: 'refused', message: '10.0.0.7 is not public (private)' }],
  ] as const)('since it %s is not asked again', async (_, answer) => {
    const errand = await start();
    errand.receivers.answer = () => answer;
    const run = await ended(errand);
    await errand.advance(5 * 86_400_000);
    expect(errand.receivers.sent).toHaveLength(1);
    expect(await states(errand, run.id)).toEqual(['dead']);
  });

  test('holds up no other', async () => {
    const errand = await start();
    errand.receivers.answer = ({ url: to }) => ({ kind: 'answered', status: to === url ? 500 : 200 });
    const run = await ended(errand, { webhook: [standard, { ...standard, url: 'https://other.example/' }] });
    expect(await states(errand, run.id)).toEqual(['pending', 'delivered']);
    await errand.advance(10_000);
    expect(ids(errand)).toEqual([`msg_${run.id}_1`, `msg_${run.id}_2`, `msg_${run.id}_1`]);
  });

  test('keeps the record from being deleted', async () => {
    const errand = await start({ keepRecordsMs: 1_000 });
    errand.receivers.answer = () => ({ kind: 'answered', status: errand.receivers.sent.length < 5 ? 500 : 200 });
    const run = await ended(errand);
    await errand.advance(3_600_000);
    expect((await errand.orchestrator.sweep()).deletedRuns).toBe(0);
    await errand.advance(86_400_000);
    expect(await states(errand, run.id)).toEqual(['delivered']);
    expect((await errand.orchestrator.sweep()).deletedRuns).toBe(1);
  });
});

describe('a webhook that was given up', () => {
  test('is sent once more, with all its attempts, under the same id', async () => {
    const errand = await start();
    errand.receivers.answer = () => ({ kind: 'answered', status: 410 });
    const run = await ended(errand);
    errand.receivers.answer = () => ({ kind: 'answered', status: 500 });
    await errand.orchestrator.redeliver(run.id, 1);
    await errand.settle();
    expect(await errand.run(run.id)).toMatchObject({ open: true, webhooks: [{ state: 'pending', attempts: 1 }] });
    errand.receivers.answer = () => ({ kind: 'answered', status: 200 });
    await errand.advance(10_000);
    expect(await errand.run(run.id)).toMatchObject({ open: false, webhooks: [{ state: 'delivered' }] });
    expect(new Set(ids(errand))).toEqual(new Set([`msg_${run.id}_1`]));
    expect(errand.receivers.sent.map((message) => message.url)).toEqual([url, url, url]);
  });

  test('is the only one that can be', async () => {
    const errand = await start();
    const run = await ended(errand);
    await expect(errand.orchestrator.redeliver(run.id, 1)).rejects.toMatchObject({ code: 'webhookNotDead' });
    await expect(errand.orchestrator.redeliver(run.id, 2)).rejects.toMatchObject({ code: 'webhookNotFound' });
    const { id } = await errand.ask('Demo', { webhook: standard });
    await expect(errand.orchestrator.redeliver(id, 1)).rejects.toMatchObject({ code: 'webhookNotDead' });
  });
});

describe('whoever is killed', () => {
  test.each([
    ['after the end was written, before anything was sent', 'webhooks.send', false, 1],
    ['after it was sent, before that was written', 'webhooks.send', true, 2],
  ] as const)('%s: it is delivered by the next, under the same id', async (_, call, isSent, times) => {
    const errand = await startErrand();
    const { id } = await errand.ask('Demo', { webhook: standard });
    const name = await errand.container(id);
    errand.platform.boot(name);
    errand.platform.tell(id);
    await errand.settle();
    errand.fail = (made) => {
      if (made !== call) return;
      errand.fail = undefined;
      errand.process.kill();
      if (!isSent) throw new Error('killed before');
    };
    errand.platform.finish(name, 0);
    errand.platform.tell(id);
    await errand.settle();
    expect(errand.process.isKilled()).toBe(true);
    const second = orchestrator((await errand.start()).context);
    await second.start();
    // Others leave it for a while to whoever has marked it; the sweep finds it when that is over.
    await errand.advance(120_000);
    expect(ids(errand)).toEqual(Array.from({ length: times }, () => `msg_${id}_1`));
    expect(await second.get(id)).toMatchObject({ open: false, webhooks: [{ state: 'delivered', attempts: 2 }] });
    await second.close();
  });

  test('in the tenth attempt leaves it given up', async () => {
    const errand = await start();
    errand.receivers.answer = () => ({ kind: 'answered', status: 500 });
    const run = await ended(errand);
    await errand.advance(2.5 * 86_400_000);
    expect((await errand.run(run.id)).webhooks?.[0]?.attempts).toBe(9);
    errand.fail = (call) => {
      if (call === 'webhooks.send') errand.process.kill();
    };
    await errand.advance(1.2 * 86_400_000);
    errand.fail = undefined;
    const second = orchestrator((await errand.start()).context);
    await second.start();
    await errand.advance(60_000);
    expect(await second.get(run.id)).toMatchObject({ open: false, webhooks: [{ state: 'dead', attempts: 10 }] });
    await second.close();
  });

  test('who closes in good order lets go of what it is sending, and the next sends it at once', async () => {
    const errand = await start();
    const { send } = errand.receivers;
    const asked = Promise.withResolvers<void>();
    errand.receivers.send = (_, { signal } = {}) =>
      new Promise((__, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
        asked.resolve();
      });
    const { id } = await errand.ask('Demo', { webhook: standard });
    const name = await errand.container(id);
    errand.platform.boot(name);
    errand.platform.tell(id);
    errand.platform.finish(name, 0);
    errand.platform.tell(id);
    await asked.promise;
    const closing = { isOver: false };
    const closed = errand.orchestrator.close().finally(() => {
      closing.isOver = true;
    });
    // What is under way gets a few seconds, on a clock that only we move.
    while (!closing.isOver) {
      await new Promise((next) => setImmediate(next));
      await errand.clock.advance(100);
    }
    await closed;
    errand.receivers.send = send;
    const second = orchestrator((await errand.start({ sweepEveryMs: 1e12 })).context);
    await second.start();
    await errand.settle();
    expect(await second.get(id)).toMatchObject({ open: false, webhooks: [{ state: 'delivered', attempts: 2 }] });
    await second.close();
  });
});

describe('a webhook of a task', () => {
  const webhooks = [
    { urlFrom: 'env:ERRAND_SECRET_SLACK', format: 'slack' },
    { url: 'https://receiver.example/task', secretFrom: ['env:ERRAND_SECRET_NEW', 'env:ERRAND_SECRET_OLD'] },
  ] as const;

  test('is for each of its runs, with what its references say when it is sent', async () => {
    const errand = await start();
    const secrets: Record<string, string> = { 'env:ERRAND_SECRET_NEW': secret, 'env:ERRAND_SECRET_OLD': secret };
    errand.process.context.readSecret = async (reference) => {
      const value = secrets[reference];
      if (value === undefined) throw new ErrandError('secretUnavailable', `there is no ${reference}`);
      return value;
    };
    await errand.push({ taskName: 'Told', webhooks: webhooks.map((each) => ({ ...each })) as never });
    const { id } = await errand.ask('Told', { labels: { team: '<ops>' } });
    const run = await errand.runToEnd(id);
    expect(run.webhooks).toMatchObject([
      {
        from: 'task',
        target: 'env:ERRAND_SECRET_SLACK',
        state: 'pending',
        problem: expect.stringContaining('there is no'),
      },
      { from: 'task', target: 'https://receiver.example', state: 'delivered' },
    ]);
    expect(errand.receivers.sent[0]?.headers['webhook-signature']?.split(' ')).toHaveLength(2);
    secrets['env:ERRAND_SECRET_SLACK'] = 'https://hooks.slack.example/T0/B0/X0';
    await errand.advance(10_000);
    expect(errand.receivers.sent[1]?.url).toBe('https://hooks.slack.example/T0/B0/X0');
    const message = JSON.parse(errand.receivers.sent[1]?.body ?? '') as { text: string };
    expect(message.text).toMatch(/^✅ Told succeeded\nexit code 0\nRun: \w{26} · Asked by: ann · .*team: &lt;ops&gt;$/);
    expect(errand.receivers.sent[1]?.headers).not.toHaveProperty('webhook-signature');
  });
});
