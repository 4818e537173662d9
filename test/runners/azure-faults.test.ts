import { createServer } from 'node:http';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { InstantStart, Outcome, SwitchValues } from '../../emulator/server.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Observation, RunnerDriver } from '../../src/core/ports/runner-driver.ts';
import type { AzureContainerInstancesOptions } from '../../src/runners/azure-settings.ts';
import { azureHarness, type AzureHarness } from './support/azure-harness.ts';
import { listen } from '../support/listen.ts';

const forever = (): Outcome => ({ runMs: Infinity });

async function harness(
  switches: Partial<SwitchValues>,
  options: { behavior?: (start: InstantStart) => Outcome; driver?: Partial<AzureContainerInstancesOptions> } = {},
): Promise<AzureHarness> {
  const { behavior = forever, driver = {} } = options;
  const made = await azureHarness({ switches, instant: { behavior }, driver });
  onTestFinished(() => made.dispose());
  return made;
}

async function seen(
  driver: RunnerDriver,
  name: string,
  wanted: (observation: Observation) => boolean = ({ state }) => state !== 'pending',
): Promise<Observation> {
  for (let tries = 0; tries < 500; tries += 1) {
    const observation = await driver.observe(name);
    if (wanted(observation)) return observation;
    await systemClock.sleep(10);
  }
  throw new Error(`${name} is still ${JSON.stringify(await driver.observe(name))}`);
}

/** How many requests of a kind came to the emulator. */
function count({ emulator }: AzureHarness, method: string): number {
  return emulator.requests.filter((request) => request.method === method).length;
}

/** A clock on which waiting takes no time, and what was waited for. */
function hastyClock(): { clock: Clock; waits: number[] } {
  const waits: number[] = [];
  const sleep: Clock['sleep'] = async (ms, options) => {
    waits.push(ms);
    await systemClock.sleep(Math.min(ms, 20), options);
  };
  return { clock: { ...systemClock, sleep }, waits };
}

const open = { name: 'ErrandError', code: 'platformUnavailable' };

describe('a create whose answer is lost', () => {
  test.each([
    ['the connection breaks', { lostCreateAnswer: 'next:1' }],
    ['the service blames itself', { lateServerError: 'next:1' }],
    ['nothing comes', { silentCreate: 'next:1' }],
  ] as const)('is sent once and left open where %s; the group is found, and adopted', async (_, switches) => {
    const made = await harness(switches, { driver: { timeouts: { requestMs: 400 } } });
    const spec = await made.prepare('');
    await expect(made.driver.create(spec)).rejects.toMatchObject(open);
    expect(await seen(made.driver, spec.name)).toMatchObject({ state: 'running' });
    expect(await made.driver.create(spec)).toMatchObject({ containerId: expect.stringContaining(spec.name) });
    expect(count(made, 'PUT')).toBe(1);
    expect(await made.starts(spec)).toBe(1);
  });

  test('is not polled after it was accepted', async () => {
    const made = await harness({});
    await made.driver.create(await made.prepare(''));
    expect(made.emulator.requests.map(({ method }) => method)).toEqual(['GET', 'PUT']);
  });

  test('is left open where Azure says that the group is changing, and there is none', async () => {
    const made = await harness({ transitioning: 'next:1' });
    const spec = await made.prepare('');
    await expect(made.driver.create(spec)).rejects.toMatchObject(open);
    expect(count(made, 'PUT')).toBe(1);
  });
});

describe('a create that is refused', () => {
  const noCapacity = { name: 'NoCapacity' };
  const image = (permanent: boolean) => ({ name: 'StartRefused', reason: 'imageUnavailable', permanent });

  test.each([
    ['a full region', { regionFull: 1 }, noCapacity],
    ['a quota of groups', { groupQuota: 0 }, noCapacity],
    ['a quota of cores', { coreQuota: 0 }, noCapacity],
    ['too many requests', { throttled: 1, retryAfterSeconds: 7 }, { ...noCapacity, retryAfterMs: 7000 }],
    ['too many creates', { createsPer5Minutes: 0 }, noCapacity],
    ['a registry that does not answer', { registryError: 1 }, image(false)],
    ['an image that is not there', { inaccessibleImage: 1 }, image(true)],
  ] as const)('says so: %s', async (_, switches, expected) => {
    const made = await harness(switches);
    const spec = await made.prepare('');
    await expect(made.driver.create(spec)).rejects.toMatchObject(expected);
    expect(await made.driver.observe(spec.name)).toEqual({ state: 'absent' });
    expect(count(made, 'PUT')).toBe(1);
  });

  test('leaves other regions alone', async () => {
    const made = await harness({ regionFull: '1@westus' });
    await expect(made.driver.create(await made.prepare(''))).rejects.toMatchObject(noCapacity);
    const elsewhere = await made.prepare('', { place: 'eastus' });
    expect(await made.driver.create(elsewhere)).toMatchObject({ region: 'eastus' });
  });

  test('after it was accepted: the region is full, and what is left is removed', async () => {
    const made = await harness({ insufficientCapacity: 1 });
    const spec = await made.prepare('');
    await made.driver.create(spec);
    expect(await seen(made.driver, spec.name)).toMatchObject({
      state: 'noCapacity',
      message: expect.stringContaining('not available in the location'),
    });
    await made.driver.remove(spec.name);
    expect(await made.driver.observe(spec.name)).toEqual({ state: 'absent' });
  });

  test('does not quote a secret that Azure quotes', async () => {
    const made = await harness({});
    const secret = 'Canary Value';
    const spec = await made.prepare('', {
      image: `nonsense ${secret}`,
      access: { kind: 'signedUrls', plain: {}, secure: { TOKEN: secret } },
    });
    const error: unknown = await made.driver.create(spec).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ name: 'StartRefused', message: expect.stringContaining('***') });
    expect(String(error)).not.toContain(secret);
  });
});

describe('what is seen of a group', () => {
  test('an image that takes long to pull is pending, and the group can be removed meanwhile', async () => {
    for (const deletedOperationNotFound of [0, 1]) {
      const made = await harness({ slowPull: 1, deletedOperationNotFound });
      const spec = await made.prepare('');
      await made.driver.create(spec);
      const pulling = { state: 'pending', phase: 'pulling the image' };
      expect(
        await seen(made.driver, spec.name, (found) => found.state === 'pending' && found.phase === pulling.phase),
      ).toEqual(pulling);
      await made.driver.remove(spec.name);
      expect(await made.driver.observe(spec.name)).toEqual({ state: 'absent' });
      expect(await made.starts(spec)).toBe(0);
    }
  });

  test('a container that runs is running, also where the provisioning is said to have failed', async () => {
    const made = await harness({ failedButRunning: 1 });
    const spec = await made.prepare('');
    await made.driver.create(spec);
    expect(await seen(made.driver, spec.name)).toMatchObject({ state: 'running' });
  });

  test('a container that is started again after a nonzero exit is running again, and its last exit counts', async () => {
    const made = await harness(
      { restartAfterNonzero: 1, restartDelayMs: 300 },
      { behavior: ({ start }) => (start === 1 ? { exitCode: 3 } : { runMs: 500 }) },
    );
    const spec = await made.prepare('');
    await made.driver.create(spec);
    const over = ({ state }: Observation): boolean => state === 'exited';
    expect(await seen(made.driver, spec.name, over)).toMatchObject({ exitCode: 3 });
    expect(await seen(made.driver, spec.name, ({ state }) => state === 'running')).toBeTruthy();
    expect(await seen(made.driver, spec.name, over)).toMatchObject({ exitCode: 0 });
    expect(await made.starts(spec)).toBe(2);
  });

  test('an evicted spot group has ended, and not well', async () => {
    const made = await harness({ spotEviction: 1, spotEvictionAfterMs: 20 }, { driver: { priority: 'Spot' } });
    const spec = await made.prepare('');
    await made.driver.create(spec);
    const end = await seen(made.driver, spec.name, ({ state }) => state === 'exited');
    expect(end).not.toMatchObject({ exitCode: 0 });
  });

  test('of a long log the end is told, and no more than 4,096 characters', async () => {
    const log = `${'line of the log\n'.repeat(5000)}${'x'.repeat(5000)}\nthe last words\n`;
    const made = await harness({}, { behavior: () => ({ log, exitCode: 1 }) });
    const spec = await made.prepare('');
    await made.driver.create(spec);
    const end = await seen(made.driver, spec.name, ({ state }) => state === 'exited');
    if (end.state !== 'exited') throw new Error(`it is ${end.state}`);
    expect(end.tail.endsWith('the last words')).toBe(true);
    expect(end.tail.length).toBeLessThanOrEqual(4096);
  });

  test('a service that fails twice is asked a third time; one that stays silent is no answer', async () => {
    const made = await harness({ serverError: 'next:2' }, { driver: { timeouts: { requestMs: 300 } } });
    expect(await made.driver.observe('nothing')).toEqual({ state: 'absent' });
    made.emulator.switches.set({ silence: 'next:1' });
    await expect(made.driver.observe('nothing')).rejects.toMatchObject(open);
    made.emulator.switches.set({ serverError: 1 });
    await expect(made.driver.observe('nothing')).rejects.toMatchObject(open);
  });
});

describe('a group that is to go', () => {
  async function started(
    switches: Partial<SwitchValues>,
    driver: Partial<AzureContainerInstancesOptions> = {},
  ): Promise<AzureHarness & { name: string }> {
    const made = await harness({}, { driver });
    const spec = await made.prepare('');
    await made.driver.create(spec);
    await seen(made.driver, spec.name, ({ state }) => state === 'running');
    made.emulator.switches.set(switches);
    return { ...made, name: spec.name };
  }

  test('and is changing is left alone for ten seconds, then asked for again', async () => {
    const { clock, waits } = hastyClock();
    const made = await started({ transitioning: 'next:2' }, { clock, timeouts: {} });
    await made.driver.remove(made.name);
    expect(waits.filter((ms) => ms >= 10_000)).toHaveLength(2);
    expect(count(made, 'DELETE')).toBe(3);
  });

  test('is asked for again only when Azure takes requests again', async () => {
    const { clock, waits } = hastyClock();
    const made = await started({ throttled: 'next:1', retryAfterSeconds: 7 }, { clock });
    await made.driver.remove(made.name);
    expect(waits).toContain(7000);
    expect(await made.driver.observe(made.name)).toEqual({ state: 'absent' });
  });

  test('is gone also where the answer to its delete is lost, and where it takes longer than a request may', async () => {
    const lost = await started({ lostDeleteAnswer: 'next:1' });
    await lost.driver.remove(lost.name);
    expect(await lost.driver.observe(lost.name)).toEqual({ state: 'absent' });
    const slow = await started({ deleteMs: 800 }, { timeouts: { deleteMs: 100, transitionMs: 100 } });
    await slow.driver.remove(slow.name);
    expect(await slow.driver.observe(slow.name)).toEqual({ state: 'absent' });
  });

  test('and does not: the caller is told to come back', async () => {
    const made = await started({ throttled: 1 }, { timeouts: { patienceMs: 200 } });
    await expect(made.driver.remove(made.name)).rejects.toMatchObject({ ...open, retryAfterSeconds: 5 });
  });

  test.each([
    ['DELETE', 202, (driver: RunnerDriver) => driver.remove('one')],
    ['POST', 204, (driver: RunnerDriver) => driver.stop('one', { graceSeconds: 1 })],
  ] as const)('is asked for once, by %s, where that was accepted and takes a while', async (method, status, end) => {
    const came: (string | undefined)[] = [];
    const tags = { 'errand-run': 'r', 'errand-attempt': '1', 'errand-instance': 'i' };
    const instanceView = { currentState: { state: 'Running' } };
    const group = { tags, properties: { containers: [{ name: 'runner', properties: { instanceView } }] } };
    const gone = { error: { code: 'ResourceNotFound', message: 'It is not there.' } };
    const server = createServer((request, response) => {
      came.push(request.method);
      const there = came.length < 6;
      response.writeHead(request.method === method ? status : there ? 200 : 404, {
        'content-type': 'application/json',
      });
      response.end(request.method === method ? undefined : JSON.stringify(there ? group : gone));
    });
    const port = await listen(server);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const endpoint = `http://127.0.0.1:${port}`;
    const { driver } = await harness({}, { driver: { connection: { endpoint, allowInsecure: true } } });
    await end(driver);
    expect(came).toEqual(['GET', method, 'GET', 'GET', 'GET', 'GET']);
  });

  test('is stopped as soon as it has started, where it is being created', async () => {
    const made = await harness({ pullMs: 300 });
    const spec = await made.prepare('');
    await made.driver.create(spec);
    await made.driver.stop(spec.name, { graceSeconds: 1 });
    expect(await made.driver.observe(spec.name)).toMatchObject({ state: 'exited' });
    expect(made.emulator.requests.filter(({ status }) => status === 409).length).toBeGreaterThan(0);
  });
});
