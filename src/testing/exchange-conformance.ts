import type { AttemptRef, Exchange, Fence, FenceReason, OrchestratorFence } from '../core/ports/artifact-store.ts';
import type { RunnerResult } from '../core/runner-result.ts';
import {
  bytesOf,
  openSample,
  sampleAttempt,
  sampleInstant,
  samplePlan,
  sha256Of,
  textOf,
  until,
  type ArtifactStoreHarness,
} from './sample-exchange.ts';
import type { TestApi } from './test-api.ts';

/** A result as a runner writes it at the end of a task that has left this log. */
export function sampleResult(log: string, changes: Partial<RunnerResult> = {}): RunnerResult {
  return {
    version: 1,
    nonce: 'ab'.repeat(16),
    started: true,
    exitCode: 0,
    signal: null,
    timedOut: false,
    stopped: false,
    oomKilled: false,
    times: { booted: sampleInstant(1), fenced: sampleInstant(2), ended: sampleInstant(3) },
    durationMs: { fetch: 1, run: 2 },
    log: { bytes: bytesOf(log).length, lines: 1, droppedBytes: 0, complete: true },
    output: false,
    files: [],
    skippedFiles: 0,
    ...changes,
  };
}

const byRunner = { by: 'runner', nonce: 'cd'.repeat(16), at: sampleInstant(5) } as const satisfies Fence;
const runnerFence = `${JSON.stringify({ version: 1, ...byRunner })}\n`;

const reasons: readonly FenceReason[] = [
  { kind: 'notCreated' },
  { permanent: true, reason: 'imageUnavailable', kind: 'startFailed' },
  { retryAfterMs: 1500, place: 'westus', kind: 'noCapacity' },
  { place: '', kind: 'noCapacity' },
];

const seizure = (number: number): OrchestratorFence => ({
  by: 'orchestrator',
  message: `orchestrator ${number} "saw"\nnothing`,
  at: sampleInstant(number),
  why: reasons[number % reasons.length] ?? { kind: 'canceled' },
});

/** The part of the artifact store's suite that is about exchanges. */
export function exchangeConformance(
  { test, expect }: TestApi,
  fresh: (body: (harness: ArtifactStoreHarness) => Promise<void>) => () => Promise<void>,
): void {
  test(
    'has one fence, whoever takes it',
    fresh(async ({ store, second, runner }) => {
      await openSample(store, sampleAttempt(1));
      const of = (number: number) => (number % 2 === 0 ? store : second).exchange(sampleAttempt(1));
      expect(await of(0).fence()).toBeUndefined();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => of(n).takeFence(seizure(n))));
      const winner = answers.findIndex(({ won }) => won);
      expect(answers.filter(({ won }) => won)).toHaveLength(1);
      for (const { fence } of answers) expect(fence).toEqual(seizure(winner));
      // Whoever has it and asks again, since its answer was lost, still has it.
      expect(await of(winner + 1).takeFence(seizure(winner))).toEqual({ won: true, fence: seizure(winner) });
      expect(await of(0).fence()).toEqual(seizure(winner));

      const access = await openSample(store, sampleAttempt(2));
      await runner(access).takeFence(runnerFence);
      expect(await store.exchange(sampleAttempt(2)).takeFence(seizure(1))).toEqual({ won: false, fence: byRunner });
    }),
  );

  test(
    'is opened once, and never after it was fenced or given up',
    fresh(async ({ store, second }) => {
      await openSample(store, sampleAttempt(1));
      await expect(openSample(second, sampleAttempt(1))).rejects.toThrow('nothing is started under it again');

      expect(await store.exchange(sampleAttempt(2)).takeFence(seizure(2))).toEqual({ won: true, fence: seizure(2) });
      await expect(openSample(second, sampleAttempt(2))).rejects.toThrow('nothing is started under it again');

      await store.exchange(sampleAttempt(3)).discard();
      await expect(openSample(second, sampleAttempt(3))).rejects.toThrow('nothing is started under it again');
      await store.exchange(sampleAttempt(3)).discard();

      const opened = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) => openSample(n % 2 === 0 ? store : second, sampleAttempt(4))),
      );
      expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await openSample(second, sampleAttempt(4, 2));
    }),
  );

  test(
    'keeps its fence when the rest is discarded, and can be fenced after',
    fresh(async ({ store, second, runner }) => {
      const access = await openSample(store, sampleAttempt(1));
      await runner(access).takeFence(runnerFence);
      await store.exchange(sampleAttempt(1)).discard();
      expect(await second.exchange(sampleAttempt(1)).fence()).toEqual(byRunner);
      expect(await second.exchange(sampleAttempt(1)).takeFence(seizure(1))).toEqual({ won: false, fence: byRunner });

      for (const number of [2, 3]) {
        await store.exchange(sampleAttempt(number)).takeFence(seizure(number));
        await store.exchange(sampleAttempt(number)).discard();
        expect(await second.exchange(sampleAttempt(number)).fence()).toEqual(seizure(number));
      }
      await store.exchange(sampleAttempt(4)).discard();
      expect(await second.exchange(sampleAttempt(4)).fence()).toBeUndefined();
      expect(await second.exchange(sampleAttempt(4)).takeFence(seizure(4))).toEqual({ won: true, fence: seizure(4) });
      expect(await store.exchange(sampleAttempt(4)).takeFence(seizure(5))).toEqual({ won: false, fence: seizure(4) });
    }),
  );

  test(
    'can be fenced and discarded by several at once, and has one fence',
    fresh(async ({ store, second, runner }) => {
      const several = <T>(count: number, act: (exchange: Exchange, n: number) => Promise<T>, attempt: AttemptRef) =>
        Promise.all(Array.from({ length: count }, (_, n) => act((n % 2 === 0 ? store : second).exchange(attempt), n)));
      for (let number = 1; number <= 10; number += 1) {
        const attempt = sampleAttempt(number);
        await runner(await openSample(store, attempt)).takeFence(runnerFence);
        const discards = several(6, (exchange) => exchange.discard(), attempt);
        const late = second.exchange(attempt).takeFence(seizure(number));
        await discards;
        expect(await late).toEqual({ won: false, fence: byRunner });
        expect(await second.exchange(attempt).fence()).toEqual(byRunner);

        const unfenced = sampleAttempt(number, 2);
        await openSample(store, unfenced);
        const taken = several(6, (exchange, n) => exchange.takeFence(seizure(n)), unfenced);
        await several(3, (exchange) => exchange.discard(), unfenced);
        const winners = (await taken).filter(({ won }) => won);
        expect(winners).toHaveLength(1);
        expect(await taken).toEqual((await taken).map(({ won }) => ({ won, fence: winners[0]?.fence })));
        expect(await store.exchange(unfenced).fence()).toEqual(winners[0]?.fence);
      }
    }),
  );

  test(
    'gives out only the executable that was pinned',
    fresh(async ({ store }) => {
      const [pinned, changed] = ['#!/bin/sh\necho pinned\n', '#!/bin/sh\necho changed\n'];
      const plan = samplePlan('task.sh', pinned);
      const open = (number: number) => store.exchange(sampleAttempt(number)).open(plan);
      await expect(open(1)).rejects.toMatchObject({ code: 'executableMissing' });
      await store.put('task.sh', bytesOf(changed));
      await expect(open(1)).rejects.toMatchObject({ code: 'executableMissing' });
      await store.put('task.sh', bytesOf(pinned));
      expect((await open(1)).kind).toMatch(/directory|signedUrls/);
    }),
  );

  test(
    'gives out what is kept of an earlier version, where the executable is another by now',
    fresh(async ({ store }) => {
      const pinned = '#!/bin/sh\necho pinned\n';
      const plan = samplePlan('task.sh', pinned);
      const open = (number: number) => store.exchange(sampleAttempt(number)).open(plan);
      await store.put('task.sh', bytesOf('#!/bin/sh\necho changed\n'));
      await store.versions.put(plan.executable.kept, bytesOf('#!/bin/sh\necho another\n'));
      await expect(open(1)).rejects.toMatchObject({ code: 'executableMissing' });
      await store.versions.put(plan.executable.kept, bytesOf(pinned));
      expect((await open(1)).kind).toMatch(/directory|signedUrls/);
    }),
  );

  test(
    'knows a result from what only looks like one',
    fresh(async ({ store, runner }) => {
      const exchange = store.exchange(sampleAttempt(1));
      const hands = runner(await openSample(store, sampleAttempt(1)));
      expect(await exchange.result()).toBeUndefined();
      await hands.result(JSON.stringify(sampleResult('', { exitCode: 3, reason: 'stopped' })));
      expect(await exchange.result()).toEqual(sampleResult('', { exitCode: 3, reason: 'stopped' }));
      const bad = [
        '',
        '{',
        '[]',
        'null',
        '{"version":1}',
        JSON.stringify({ ...sampleResult(''), exitCode: 256 }),
        `"${'x'.repeat(100_000)}"`,
        `${JSON.stringify(sampleResult(''))}${' '.repeat(70_000)}`,
        '['.repeat(60_000),
      ];
      for (const [index, text] of bad.entries()) {
        const other = sampleAttempt(10 + index);
        await runner(await openSample(store, other)).result(text);
        expect(await store.exchange(other).result()).toEqual({ invalid: expect.stringContaining('result') });
      }
    }),
  );

  test(
    'shows the log while it grows, from any offset',
    fresh(async ({ store, second, runner }) => {
      const exchange = second.exchange(sampleAttempt(1));
      const hands = runner(await openSample(store, sampleAttempt(1)));
      expect(await exchange.readLog({ offset: 0, length: 10 })).toBeUndefined();
      await hands.log('hello\n');
      expect(await exchange.readLog({ offset: 1, length: 3 })).toEqual({
        offset: 1,
        bytes: Buffer.from('ell'),
        size: 6,
      });
      await hands.log('world\n');
      expect(textOf((await exchange.readLog({ offset: 6, length: 100 }))?.bytes)).toBe('world\n');
      const end = await exchange.readLog({ offset: 12, length: 100 });
      expect([end?.bytes.length, end?.size]).toEqual([0, 12]);
      expect((await exchange.readLog({ offset: 500, length: 100 }))?.bytes.length).toBe(0);
    }),
  );

  test(
    'makes log and outputs durable: the same answer again, also once the rest is gone',
    fresh(async ({ store, second, runner }) => {
      const exchange = store.exchange(sampleAttempt(1));
      const hands = runner(await openSample(store, sampleAttempt(1)));
      const log = 'one\ntwo\nthree';
      await hands.log(log);
      await hands.output('{"answer":[42,null]}');
      await hands.file('report.csv', 'a,b\n');
      await hands.file('unlisted', 'x');
      const result = sampleResult(log, { output: true, files: [{ name: 'report.csv', bytes: 4, slot: 0 }] });
      const collected = {
        log: { bytes: 13, lines: 3, sha256: sha256Of(log), truncated: false, droppedBytes: 0, complete: true },
        output: { answer: [42, null] },
        files: [{ name: 'report.csv', bytes: 4, sha256: sha256Of('a,b\n') }],
      };
      const answers = await Promise.all([exchange.collect(result), second.exchange(sampleAttempt(1)).collect(result)]);
      expect(answers).toEqual([collected, collected]);
      await exchange.discard();
      expect(await exchange.collect(undefined)).toEqual(collected);
      expect(textOf((await exchange.readLog({ offset: 4, length: 5 }))?.bytes)).toBe('two\nt');
      const file = await second.exchange(sampleAttempt(1)).readFile('report.csv');
      expect([file?.bytes, await new Response(file?.body).text()]).toEqual([4, 'a,b\n']);
      expect(await exchange.readFile('unlisted')).toBeUndefined();
      expect(await exchange.readFile('../collected.json')).toBeUndefined();
      expect(await exchange.result()).toBeUndefined();
    }),
  );

  test(
    'believes of the log what agrees with what is there',
    fresh(async ({ store, runner }) => {
      const collect = async (number: number, log: string, result: RunnerResult | undefined) => {
        const hands = runner(await openSample(store, sampleAttempt(number)));
        if (log !== '') await hands.log(log);
        return (await store.exchange(sampleAttempt(number)).collect(result)).log;
      };
      const cut = sampleResult('x\n', { log: { bytes: 2, lines: 1, droppedBytes: 7, complete: true } });
      expect(await collect(1, 'x\n', cut)).toMatchObject({
        bytes: 2,
        lines: 1,
        truncated: true,
        droppedBytes: 7,
        complete: true,
      });
      expect(await collect(2, 'x\ny\n', cut)).toMatchObject({
        bytes: 4,
        lines: 2,
        truncated: false,
        droppedBytes: 0,
        complete: false,
      });
      expect(await collect(3, 'x\n', undefined)).toMatchObject({ bytes: 2, complete: false });
      expect(await collect(4, '', undefined)).toMatchObject({
        bytes: 0,
        lines: 0,
        sha256: sha256Of(''),
        complete: false,
      });
      expect(await collect(5, '', sampleResult(''))).toMatchObject({ bytes: 0, lines: 0, complete: true });
      expect(await collect(6, '', cut)).toMatchObject({ bytes: 0, complete: false });
    }),
  );

  test(
    'says why an output is not taken',
    fresh(async ({ store, runner }) => {
      const deep = '['.repeat(21) + ']'.repeat(21);
      const bad: [text: string | undefined, why: RegExp][] = [
        [undefined, /gone/],
        ['', /not JSON/],
        ['{"a":1', /not JSON/],
        ['{"a":{"__proto__":{"polluted":1}}}', /__proto__/],
        [deep, /20 deep/],
        ['['.repeat(30_000), /20 deep/],
        [`"${'x'.repeat(66_000)}"`, /65536/],
      ];
      for (const [index, [text, why]] of bad.entries()) {
        const hands = runner(await openSample(store, sampleAttempt(index)));
        if (text !== undefined) await hands.output(text);
        const collected = await store.exchange(sampleAttempt(index)).collect(sampleResult('', { output: true }));
        expect(collected.outputProblem).toMatch(why);
        expect(collected).not.toHaveProperty('output');
      }
      const hands = runner(await openSample(store, sampleAttempt(50)));
      await hands.output('{"brackets":"[[[[[[[[[[[[[[[[[[[[[[[[[\\"["}');
      expect(
        (await store.exchange(sampleAttempt(50)).collect(sampleResult('', { output: true }))).output,
      ).toHaveProperty('brackets');
    }),
  );

  test(
    'wakes whoever watches it, from before it exists until the signal',
    fresh(async ({ store, second, runner }) => {
      const seen = { state: 0, log: 0 };
      const stop = new AbortController();
      const watching = (['state', 'log'] as const).map(async (of) => {
        for await (const _ of second.exchange(sampleAttempt(1)).watch(of, { signal: stop.signal })) seen[of] += 1;
      });
      await until(() => seen.state > 0 && seen.log > 0);
      const hands = runner(await openSample(store, sampleAttempt(1)));
      const steps: [of: 'state' | 'log', act: () => Promise<unknown>][] = [
        ['state', () => hands.takeFence(runnerFence)],
        ['log', () => hands.log('one\n')],
        ['log', () => hands.log('two\n')],
        ['state', () => hands.result(JSON.stringify(sampleResult('one\ntwo\n')))],
      ];
      for (const [of, act] of steps) {
        const before = seen[of];
        await act();
        await until(() => seen[of] > before);
      }
      await store.exchange(sampleAttempt(1)).discard();
      stop.abort();
      await Promise.all(watching);
      const ended: unknown[] = [];
      for await (const _ of store.exchange(sampleAttempt(1)).watch('state', { signal: stop.signal })) ended.push(_);
      expect(ended).toEqual([]);
    }),
  );
}
