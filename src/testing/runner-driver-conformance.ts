import { fromInstant, systemClock } from '../core/clock.ts';
import type { RunnerDriver, RunnerSpec } from '../core/ports/runner-driver.ts';
import { type TestApi, withFresh } from './test-api.ts';

export interface RunnerDriverHarness {
  driver: RunnerDriver;
  /** Another driver of the same platform, as a second orchestrator has it. */
  second: RunnerDriver;
  instanceId: string;
  /**
   * A new attempt, ready to be created, whose runner carries out these lines of sh instead of the protocol. Each time it starts it
   * first leaves a mark, see `starts`.
   */
  prepare(lines: string): Promise<RunnerSpec>;
  /** How often a runner of this attempt has been started. */
  starts(spec: RunnerSpec): Promise<number>;
  /** Puts something of this name there that is not ours. The answer looks whether it is still as it was. */
  occupy(name: string): Promise<{ untouched(): Promise<boolean> }>;
  /** Why the platform tells nobody that a runner has ended; left out where it does. `watch` then only has to end with its signal. */
  tellsNoEnds?: string;
  dispose(): Promise<void>;
}

/** What every runner driver has to keep; the contract is the port's. `makeUnreachable` is left out where the platform is this machine. */
export function runnerDriverConformance(
  api: TestApi,
  name: string,
  makeHarness: () => Promise<RunnerDriverHarness>,
  makeUnreachable?: () => RunnerDriver,
): void {
  const { describe, test, expect } = api;

  const fresh = withFresh(makeHarness);
  const withHarness = (body: (harness: RunnerDriverHarness) => Promise<void>) =>
    fresh(async (harness) => {
      await harness.driver.check();
      await body(harness);
    });

  describe(`${name} as a runner driver`, () => {
    test(
      'starts a runner once, sees it run and end, and removes it',
      withHarness(async ({ driver, prepare, starts }) => {
        const spec = await prepare('echo first words; echo last words >&2; sleep 1; exit 3');
        expect(await driver.observe(spec.name)).toEqual({ state: 'absent' });
        const phases: string[] = [];
        const created = await driver.create(spec, { progress: (phase) => phases.push(phase) });
        expect(created.containerId).toBeTruthy();
        expect(phases.length).toBeGreaterThan(0);
        expect(await underWay(driver, spec.name)).toMatchObject({ state: 'running', containerId: created.containerId });
        const end = await ended(driver, spec.name);
        expect(end).toMatchObject({ exitCode: 3, oomKilled: false });
        expect(end.tail).toContain('last words');
        expect(await starts(spec)).toBe(1);
        await driver.remove(spec.name);
        expect(await driver.observe(spec.name)).toEqual({ state: 'absent' });
        await driver.remove(spec.name);
      }),
    );

    test(
      'tells exit codes apart',
      withHarness(async ({ driver, prepare }) => {
        const codes = [0, 1, 126, 255];
        const specs = await Promise.all(codes.map((code) => prepare(`exit ${code}`)));
        await Promise.all(specs.map((spec) => driver.create(spec)));
        const ends = await Promise.all(specs.map((spec) => ended(driver, spec.name)));
        expect(ends.map(({ exitCode }) => exitCode)).toEqual(codes);
      }),
    );

    test(
      'never starts a second time what has ended',
      withHarness(async ({ driver, second, prepare, starts }) => {
        const spec = await prepare('exit 0');
        const { containerId } = await driver.create(spec);
        await ended(driver, spec.name);
        expect((await second.create(spec)).containerId).toBe(containerId);
        expect(await ended(driver, spec.name)).toMatchObject({ exitCode: 0 });
        expect(await starts(spec)).toBe(1);
      }),
    );

    test(
      'of many who create one name at once, one starts it',
      withHarness(async ({ driver, second, prepare, starts }) => {
        const spec = await prepare('sleep 0.3; exit 0');
        const attempts = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? driver : second).create(spec));
        const outcomes = await Promise.allSettled(attempts);
        expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
        // Who lost may say that the matter is open, and never that nothing was started.
        const refusals = outcomes.flatMap((outcome) =>
          outcome.status === 'rejected' ? [outcome.reason as Error] : [],
        );
        expect(refusals.filter((error) => error.name === 'StartRefused')).toEqual([]);
        await ended(driver, spec.name);
        expect(await starts(spec)).toBe(1);
      }),
    );

    test(
      'leaves alone what has the name and is not ours',
      withHarness(async ({ driver, prepare, starts, occupy }) => {
        const spec = await prepare('exit 0');
        const foreign = await occupy(spec.name);
        expect(await driver.observe(spec.name)).toEqual({ state: 'foreign' });
        await expect(driver.create(spec)).rejects.toMatchObject({ name: 'StartRefused', reason: 'nameConflict' });
        await driver.stop(spec.name, { graceSeconds: 1 });
        await driver.remove(spec.name);
        expect(await foreign.untouched()).toBe(true);
        expect(await starts(spec)).toBe(0);
      }),
    );

    test(
      'refuses the name to another attempt',
      withHarness(async ({ driver, prepare, starts }) => {
        const [first, other] = [await prepare('sleep 30'), await prepare('exit 0')];
        await driver.create(first);
        await expect(driver.create({ ...other, name: first.name })).rejects.toMatchObject({ reason: 'nameConflict' });
        expect(await underWay(driver, first.name)).toMatchObject({ state: 'running' });
        expect(await starts(other)).toBe(0);
      }),
    );

    test(
      'stops by TERM, and says the exit code that the runner chose',
      withHarness(async ({ driver, prepare }) => {
        const spec = await prepare("trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done");
        await driver.create(spec);
        await underWay(driver, spec.name);
        await settled();
        await driver.stop(spec.name, { graceSeconds: 20 });
        expect(await driver.observe(spec.name)).toMatchObject({ state: 'exited', exitCode: 9 });
        await driver.stop(spec.name, { graceSeconds: 20 });
      }),
    );

    test(
      'kills what ignores TERM, after its grace',
      withHarness(async ({ driver, prepare }) => {
        const spec = await prepare("trap '' TERM; while :; do sleep 0.1; done");
        await driver.create(spec);
        await underWay(driver, spec.name);
        await settled();
        await driver.stop(spec.name, { graceSeconds: 0 });
        const seen = await driver.observe(spec.name);
        expect(seen).toMatchObject({ state: 'exited' });
        expect(seen).not.toMatchObject({ exitCode: 0 });
      }),
    );

    test(
      'removes what still runs, and what is not there',
      withHarness(async ({ driver, prepare }) => {
        const spec = await prepare('sleep 300');
        await driver.create(spec);
        await Promise.all([driver.remove(spec.name), driver.remove(spec.name)]);
        expect(await driver.observe(spec.name)).toEqual({ state: 'absent' });
        await driver.stop(spec.name, { graceSeconds: 1 });
      }),
    );

    test(
      'lists its own, running or not, by installation',
      withHarness(async ({ driver, second, prepare, instanceId }) => {
        const [running, over] = [await prepare('sleep 300'), await prepare('exit 0')];
        await driver.create(running);
        await driver.create(over);
        await ended(driver, over.name);
        const listed = await all(second.list({ instanceId }));
        expect(listed.map((entry) => entry.name).toSorted()).toEqual([running.name, over.name].toSorted());
        const entry = listed.find((candidate) => candidate.name === running.name);
        expect(entry).toMatchObject({ runId: running.runId, attempt: running.attempt });
        expect(Math.abs(fromInstant(entry?.createdAt ?? '') - systemClock.now())).toBeLessThan(60_000);
        expect(await all(driver.list({ instanceId: 'another-installation' }))).toEqual([]);
      }),
    );

    test(
      'reports ends to every watcher of the installation, until told to stop',
      withHarness(async ({ driver, second, prepare, instanceId, tellsNoEnds }) => {
        const controller = new AbortController();
        const watchers = [driver, second].map((each) => collect(each.watch({ instanceId, signal: controller.signal })));
        const strangers = collect(driver.watch({ instanceId: 'another-installation', signal: controller.signal }));
        await settled();
        const spec = await prepare('exit 0');
        await driver.create(spec);
        if (tellsNoEnds === undefined) await until(() => watchers.every(({ runs }) => runs.has(spec.runId)));
        controller.abort();
        await Promise.all([...watchers, strangers].map(({ done }) => done));
        expect([...strangers.runs]).toEqual([]);
      }),
    );

    test(
      'does nothing for a caller who has given up',
      withHarness(async ({ driver, prepare, starts }) => {
        const spec = await prepare('exit 0');
        const signal = AbortSignal.abort(new Error('given up'));
        await expect(driver.create(spec, { signal })).rejects.toThrow('given up');
        expect(await driver.observe(spec.name)).toEqual({ state: 'absent' });
        expect(await starts(spec)).toBe(0);
      }),
    );

    if (makeUnreachable === undefined) return;
    const outage = { code: 'platformUnavailable' };

    test(
      'never takes a platform that does not answer for one that has no such runner',
      withHarness(async ({ prepare, instanceId }) => {
        const unreachable = makeUnreachable();
        const spec = await prepare('exit 0');
        await expect(unreachable.check()).rejects.toMatchObject(outage);
        await expect(unreachable.observe(spec.name)).rejects.toMatchObject(outage);
        await expect(unreachable.create(spec)).rejects.toMatchObject(outage);
        await expect(unreachable.stop(spec.name, { graceSeconds: 1 })).rejects.toMatchObject(outage);
        await expect(unreachable.remove(spec.name)).rejects.toMatchObject(outage);
        await expect(all(unreachable.list({ instanceId }))).rejects.toMatchObject(outage);
        await unreachable.close();
      }),
    );
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

type Ended = Extract<Awaited<ReturnType<RunnerDriver['observe']>>, { state: 'exited' }>;

const patienceMs = 30_000;

async function ended(driver: RunnerDriver, name: string): Promise<Ended> {
  let seen = await driver.observe(name);
  await until(async () => {
    seen = await driver.observe(name);
    return seen.state === 'exited';
  });
  if (seen.state !== 'exited') throw new Error(`${name} is ${seen.state}`);
  return seen;
}

/** Some platforms accept a runner first, and start it later. */
async function underWay(driver: RunnerDriver, name: string): ReturnType<RunnerDriver['observe']> {
  let seen = await driver.observe(name);
  await until(async () => {
    seen = await driver.observe(name);
    return seen.state !== 'pending';
  });
  return seen;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + patienceMs;
  while (!(await condition())) {
    if (systemClock.monotonic() > deadline) throw new Error(`still not so after ${patienceMs / 1000} s`);
    await systemClock.sleep(50);
  }
}

/** Long enough for a shell to set a trap, or for a watch to be in place. */
async function settled(): Promise<void> {
  await systemClock.sleep(700);
}

function collect(events: AsyncIterable<{ runId: string }>): { runs: Set<string>; done: Promise<void> } {
  const runs = new Set<string>();
  const done = (async () => {
    for await (const { runId } of events) runs.add(runId);
  })();
  return { runs, done };
}
