import { describe, expect, test } from 'vitest';
import { orchestrator } from '../../src/core/orchestrator.ts';
import { request, startErrand } from './support/errand.ts';

const parameter = (parameterName: string, changes: object = {}) => ({
  parameterName,
  parameterType: 'string' as const,
  ...changes,
});

describe('a request', () => {
  test('is written down in an order that loses nothing: wake-up, record, and only then a container', async () => {
    const errand = await startErrand();
    errand.calls.length = 0;
    await errand.ask('Demo');
    const effects = errand.calls.filter((call) =>
      ['queue.schedule', 'storage.createRun', 'driver.create', 'exchange.open'].includes(call),
    );
    expect(effects.slice(0, 4)).toEqual(['queue.schedule', 'storage.createRun', 'exchange.open', 'driver.create']);
  });

  test('whose record cannot be stored is no run; its wake-up is dropped', async () => {
    const errand = await startErrand();
    errand.fail = (call) => {
      if (call === 'storage.createRun') throw new Error('the disk is gone');
    };
    await expect(errand.orchestrator.accept(request('Demo'), { principal: 'ann' })).rejects.toThrow('the disk is gone');
    errand.fail = undefined;
    errand.calls.length = 0;
    await errand.advance(20_000);
    expect(errand.calls).toContain('storage.getRun');
    expect(errand.platform.creates).toEqual([]);
    expect(errand.history).toEqual([]);
  });

  test('whose answer never came is started all the same', async () => {
    const errand = await startErrand();
    errand.fail = (call) => {
      if (call === 'storage.createRun') errand.process.kill();
    };
    await Promise.race([errand.orchestrator.accept(request('Demo'), { principal: 'ann' }), errand.process.killed]);
    await errand.settle();
    expect(errand.platform.creates).toEqual([]);
    errand.fail = undefined;
    const next = await errand.start();
    const second = orchestrator(next.context);
    await second.start();
    await errand.settle();
    expect(errand.platform.creates).toHaveLength(1);
    await second.close();
  });

  test.each([
    ['an unknown task', 'Nothing', {}, {}, 'taskNotFound'],
    ['a name that is no name', '../secrets', {}, {}, 'taskNotFound'],
    ['a name of Object', '__proto__', {}, {}, 'taskNotFound'],
    ['a task that is switched off', 'T', { enabled: false }, {}, 'taskDisabled'],
    ['a missing executable', 'T', { scriptName: 'none.sh' }, {}, 'executableMissing'],
    ['another executable than the one that is pinned', 'T', { sha256: 'a'.repeat(64) }, {}, 'executableMissing'],
    ['more than the platform has', 'T', { resources: { cpu: 8 } }, {}, 'invalidDefinition'],
    [
      'a limit that is longer than that of the definition',
      'T',
      { timeouts: { runSeconds: 10 } },
      { timeouts: { runSeconds: 11 } },
      'invalidRequest',
    ],
    ['a missing parameter', 'T', { scriptParameters: [parameter('A', { required: true })] }, {}, 'invalidRequest'],
  ] as const)('for %s is refused, and nothing has happened', async (_, taskName, definition, changes, code) => {
    const errand = await startErrand();
    await errand.push({ ...definition, taskName: 'T' } as Parameters<typeof errand.push>[0]);
    errand.calls.length = 0;
    await expect(
      errand.orchestrator.accept(request(taskName, changes), { principal: 'ann', idempotencyKey: 'k' }),
    ).rejects.toMatchObject({ code });
    expect(errand.calls.filter((call) => /schedule|createRun|claimKey|takeSlot|create$/.test(call))).toEqual([]);
  });

  test('may shorten the limits of the definition', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo', { timeouts: { runSeconds: 10, totalSeconds: 50 } });
    expect(run.definition.timeouts).toMatchObject({ runSeconds: 10, totalSeconds: 50, startSeconds: 240 });
  });

  test('keeps secrets sealed, and nowhere in the record', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'T', scriptParameters: [parameter('Token', { parameterType: 'secret' })] });
    const run = await errand.ask('T', { parameters: [{ name: 'Token', value: 'hunter2' }] });
    expect(run.secrets).toBeDefined();
    expect(JSON.stringify(errand.history)).not.toContain('hunter2');
    const after = await errand.runToEnd(run.id);
    expect(after).toMatchObject({ state: 'succeeded' });
    expect(after).not.toHaveProperty('secrets');
  });
});

describe('an idempotency key', () => {
  test('leads to the same run again, also after it has ended', async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo', { key: 'k', labels: { a: '1', b: '2' } });
    await errand.runToEnd(run.id);
    const again = await errand.orchestrator.accept(request('Demo', { labels: { b: '2', a: '1' } }), {
      principal: 'ann',
      idempotencyKey: 'k',
    });
    expect(again).toMatchObject({ created: false, run: { id: run.id, state: 'succeeded' } });
    expect(errand.platform.creates).toHaveLength(1);
  });

  test.each([
    ['another task', request('Other')],
    ['another label', request('Demo', { labels: { a: '1' } })],
    ['another limit', request('Demo', { timeouts: { runSeconds: 5 } })],
  ])('is refused for %s, and the run is named', async (_, other) => {
    const errand = await startErrand();
    await errand.push({ taskName: 'Other' });
    const run = await errand.ask('Demo', { key: 'k' });
    await expect(errand.orchestrator.accept(other, { principal: 'ann', idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'idempotencyKeyReused',
      runId: run.id,
    });
  });

  test('compares secrets, too', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'T', scriptParameters: [parameter('Token', { parameterType: 'secret' })] });
    const parameters = (value: string) => [{ name: 'Token', value }];
    const run = await errand.ask('T', { key: 'k', parameters: parameters('one') });
    expect((await errand.ask('T', { key: 'k', parameters: parameters('one') })).id).toBe(run.id);
    await expect(errand.ask('T', { key: 'k', parameters: parameters('two') })).rejects.toMatchObject({
      code: 'idempotencyKeyReused',
    });
  });

  test("is each asker's own", async () => {
    const errand = await startErrand();
    const run = await errand.ask('Demo', { key: 'k' });
    expect((await errand.ask('Demo', { key: 'k', principal: 'bob' })).id).not.toBe(run.id);
  });

  test('gives one run to fifty at once', async () => {
    const errand = await startErrand();
    const asked = await Promise.all(
      Array.from({ length: 50 }, () =>
        errand.orchestrator.accept(request('Demo'), { principal: 'ann', idempotencyKey: 'k' }),
      ),
    );
    await errand.settle();
    expect(new Set(asked.map(({ run }) => run.id)).size).toBe(1);
    expect(asked.filter(({ created }) => created)).toHaveLength(1);
    expect(errand.platform.creates).toHaveLength(1);
  });
});

describe('a task that may run once at a time', () => {
  test('and queues: first come, first served, and each is told its place', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'T', concurrency: { limit: 1 } });
    const first = await errand.ask('T');
    const second = await errand.ask('T');
    const third = await errand.ask('T');
    expect([first.state, second.state, third.state]).toEqual(['starting', 'queued', 'queued']);
    expect((await errand.orchestrator.view(second)).waiting).toMatchObject({ reason: 'concurrency', position: 0 });
    expect((await errand.orchestrator.view(third)).waiting).toMatchObject({ reason: 'concurrency', position: 1 });
    await errand.runToEnd(first.id);
    expect([(await errand.run(second.id)).state, (await errand.run(third.id)).state]).toEqual(['starting', 'queued']);
    await errand.orchestrator.cancel(second.id, 'bob');
    await errand.settle();
    expect((await errand.run(third.id)).state).toBe('starting');
  });

  test('and rejects: a 409 that says when to come again, and leaves nothing', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'T', concurrency: { limit: 1, onLimit: 'reject' } });
    const first = await errand.ask('T');
    await expect(errand.ask('T')).rejects.toMatchObject({ code: 'concurrencyLimitReached', retryAfterSeconds: 5 });
    expect(await errand.process.context.storage.slotQueue('task:T')).toMatchObject([
      { holder: `${first.id}.1`, held: true },
    ]);
    await errand.runToEnd(first.id);
    expect((await errand.ask('T')).state).toBe('starting');
  });

  test('per value of a parameter counts each value for itself', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'T', scriptParameters: [parameter('VM')], concurrency: { limit: 1, key: 'VM' } });
    const ask = (value: string) => errand.ask('T', { parameters: [{ name: 'VM', value }] });
    expect([(await ask('a')).state, (await ask('b')).state, (await ask('a')).state]).toEqual([
      'starting',
      'starting',
      'queued',
    ]);
  });

  test('and a platform that is full: the run waits for capacity', async () => {
    const errand = await startErrand();
    errand.platform.maximumRunners = 1;
    const first = await errand.ask('Demo');
    const second = await errand.ask('Demo');
    expect(second).toMatchObject({ state: 'queued', waiting: { reason: 'capacity' } });
    await errand.runToEnd(first.id);
    expect((await errand.run(second.id)).state).toBe('starting');
  });
});

test('a plan checks everything, and stores and starts nothing', async () => {
  const errand = await startErrand();
  await errand.push({
    taskName: 'T',
    scriptParameters: [parameter('A', { default: 'x' })],
    concurrency: { limit: 2 },
    environment: { B: 'y' },
  });
  errand.calls.length = 0;
  expect(await errand.orchestrator.plan(request('T'))).toMatchObject({
    taskName: 'T',
    parameters: [{ name: 'A', value: 'x', secret: false }],
    environment: { B: 'y' },
    concurrency: { key: 'task:T', limit: 2, held: 0, waiting: 0 },
    platform: 'scripted',
    notes: [expect.stringContaining('sha256')],
  });
  expect(errand.calls.filter((call) => !/^(?:artifacts\.(?:get|describe)|storage\.slotQueue)$/.test(call))).toEqual([]);
});

test('a rerun takes the values of the earlier run, replaces those that are given, and asks for secrets again', async () => {
  const errand = await startErrand();
  const scriptParameters = [
    parameter('A'),
    parameter('B'),
    parameter('Token', { parameterType: 'secret', required: true }),
  ];
  await errand.push({ taskName: 'T', scriptParameters });
  const parameters = [
    { name: 'A', value: 'a' },
    { name: 'B', value: 'b' },
    { name: 'Token', value: 'hunter2' },
  ];
  const first = await errand.ask('T', { parameters, labels: { l: '1' } });
  const asker = { principal: 'bob' };
  await expect(errand.orchestrator.rerun(first.id, { parameters: [], version: 'latest' }, asker)).rejects.toMatchObject(
    {
      code: 'invalidRequest',
    },
  );
  const given = [
    { name: 'B', value: 'c' },
    { name: 'Token', value: 'again' },
  ];
  const { run } = await errand.orchestrator.rerun(first.id, { parameters: given, version: 'latest' }, asker);
  await errand.settle();
  expect(run).toMatchObject({ rerunOf: first.id, requestedBy: 'bob', labels: { l: '1' } });
  expect(run.parameters).toEqual([
    { name: 'A', value: 'a', secret: false },
    { name: 'B', value: 'c', secret: false },
    { name: 'Token', secret: true },
  ]);
});
