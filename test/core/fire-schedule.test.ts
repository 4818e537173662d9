import { describe, expect, test } from 'vitest';
import { ErrandError } from '../../src/contract/errors.ts';
import type { Firing } from '../../src/contract/schedule.ts';
import { noted } from '../../src/core/fire-schedule.ts';
import { orchestrator } from '../../src/core/orchestrator.ts';
import type { ScheduleRecord } from '../../src/core/schedule-record.ts';
import { startErrand, type Errand } from './support/errand.ts';
import { came, documentOf, minutes, put, runsOf, until } from './support/schedules.ts';

// Every test begins on 15 January 2027 at 8:00 UTC.

async function endAll(errand: Errand): Promise<void> {
  for (const { id } of runsOf(errand, 'hourly')) {
    if ((await errand.run(id)).open) await errand.runToEnd(id);
  }
}

describe('a planned time', () => {
  test('makes one run, which says so, with a wake-up that is there before the record', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { labels: { team: 'ops' } });
    expect(await errand.orchestrator.schedules.get('hourly')).toMatchObject({ nextAt: '2027-01-15T09:00:00.000Z' });
    await until(errand, '2027-01-15T08:59:59.999Z');
    expect(runsOf(errand, 'hourly')).toEqual([]);
    errand.calls.length = 0;
    await errand.advance(1);
    const effects = errand.calls.filter((call) =>
      /^queue\.schedule|createRun|updateSchedule|driver\.create$/.test(call),
    );
    expect(effects.slice(0, 5)).toEqual([
      'queue.schedule',
      'storage.createRun',
      'queue.schedule',
      'storage.updateSchedule',
      'driver.create',
    ]);
    const [made] = runsOf(errand, 'hourly');
    expect(await errand.run(made?.id ?? '')).toMatchObject({
      requestedBy: 'schedule:hourly',
      schedule: { name: 'hourly', plannedAt: '2027-01-15T09:00:00.000Z' },
      labels: { team: 'ops', schedule: 'hourly' },
      state: 'starting',
    });
    expect(await errand.orchestrator.schedules.get('hourly')).toMatchObject({
      nextAt: '2027-01-15T10:00:00.000Z',
      firings: [{ plannedAt: '2027-01-15T09:00:00.000Z', outcome: 'started', runId: made?.id }],
    });
  });

  test('comes again and again, and the last ten are kept', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { overlap: 'allow', cron: '*/5 * * * *' });
    await errand.advance(minutes(65));
    expect(runsOf(errand, 'hourly')).toHaveLength(13);
    const kept = await came(errand, 'hourly');
    expect(kept).toHaveLength(10);
    expect(kept[0]).toBe('09:05 started');
  });

  test('is run once, however often it is seen, by two processes at once', async () => {
    const errand = await startErrand();
    const other = orchestrator((await errand.start()).context);
    await put(errand, 'hourly');
    await errand.advance(minutes(59));
    await other.start();
    await errand.settle();
    await errand.advance(minutes(1));
    const { look } = errand.orchestrator.schedules;
    await Promise.all([look('hourly'), other.schedules.look('hourly'), look('hourly')]);
    await errand.settle();
    expect(runsOf(errand, 'hourly')).toHaveLength(1);
    expect(await came(errand, 'hourly')).toEqual(['09:00 started']);
    await other.close();
  });

  test.each(['storage.claimKey', 'queue.schedule', 'storage.takeSlot', 'storage.createRun', 'storage.updateSchedule'])(
    'is run once where its process is killed at %s, before or after it was done',
    async (call) => {
      for (const after of [false, true]) {
        const errand = await startErrand();
        await put(errand, 'hourly');
        await errand.advance(minutes(60) - 1);
        // The first call of its kind is the one of the firing: nothing else is there.
        errand.fail = (made) => {
          if (made !== call) return;
          errand.fail = undefined;
          if (!after) errand.process.kill();
          else queueMicrotask(() => errand.process.kill());
          if (!after) throw new Error('killed before');
        };
        await errand.advance(1);
        expect(errand.process.isKilled()).toBe(true);
        const second = orchestrator((await errand.start()).context);
        await second.start();
        await errand.settle();
        expect(runsOf(errand, 'hourly')).toHaveLength(1);
        expect(await came({ orchestrator: second }, 'hourly')).toEqual(['09:00 started']);
        expect(errand.platform.creates).toHaveLength(1);
        await second.close();
      }
    },
  );

  test('is run once where the schedule was edited between the two tries', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { labels: { old: 'yes' } });
    errand.fail = (call) => {
      if (call === 'storage.updateSchedule') throw new ErrandError('storageUnavailable', 'gone for now');
    };
    await errand.advance(minutes(60));
    expect(runsOf(errand, 'hourly')).toHaveLength(1);
    expect(await came(errand, 'hourly')).toEqual([]);
    errand.fail = undefined;
    await put(errand, 'hourly', { labels: { old: 'no' } });
    await errand.advance(minutes(2));
    expect(runsOf(errand, 'hourly')).toHaveLength(1);
    expect(await came(errand, 'hourly')).toEqual(['09:00 started']);
    expect(await errand.orchestrator.schedules.get('hourly')).toMatchObject({ nextAt: '2027-01-15T10:00:00.000Z' });
  });

  test('is run once where its run was never stored and the schedule was edited meanwhile', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { labels: { old: 'yes' } });
    errand.fail = (call) => {
      if (call === 'storage.createRun') throw new ErrandError('storageUnavailable', 'gone for now');
    };
    await errand.advance(minutes(60));
    errand.fail = undefined;
    await put(errand, 'hourly', { labels: { old: 'no' } });
    await errand.advance(minutes(2));
    const [made, ...more] = runsOf(errand, 'hourly');
    expect(more).toEqual([]);
    expect(await errand.run(made?.id ?? '')).toMatchObject({ labels: { old: 'no' } });
  });

  test('is noted also where the schedule was edited to other times in the middle of it', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly');
    let edit: Promise<void> | undefined;
    errand.fail = (call) => {
      if (call === 'storage.createRun') edit ??= put(errand, 'hourly', { cron: '45 * * * *' });
    };
    await errand.advance(minutes(60));
    await edit;
    expect(await came(errand, 'hourly')).toEqual(['09:00 started']);
    expect(await errand.orchestrator.schedules.get('hourly')).toMatchObject({ nextAt: '2027-01-15T09:45:00.000Z' });
  });
});

describe('what came of a planned time', () => {
  const at = (hour: string) => `2027-01-15T${hour}:00:00.000Z`;
  const record = (firings: Firing[]): ScheduleRecord => ({
    name: 'hourly',
    version: 3,
    revision: 'r',
    document: documentOf(),
    createdAt: at('08'),
    createdBy: 'ann',
    updatedAt: at('08'),
    updatedBy: 'ann',
    nextAt: at('11'),
    wakeId: 'w',
    wakeAt: at('11'),
    firings,
  });
  const started: Firing = { plannedAt: at('09'), at: at('09'), outcome: 'started', runId: 'r' };
  const skipped: Firing = { plannedAt: at('09'), at: at('09'), outcome: 'skipped', reason: 'overlap' };
  const ten: Firing = { ...started, plannedAt: at('10') };

  test('and is told late leaves what is planned by then', () => {
    expect(noted(record([ten]), started, () => 'new')).toEqual(record([ten, started]));
  });

  test('is known better by who saw it start than by who did not', () => {
    expect(noted(record([skipped]), started, () => 'new')).toEqual(record([started]));
    expect(noted(record([started]), skipped, () => 'new')).toBeUndefined();
    expect(noted(record([started]), started, () => 'new')).toBeUndefined();
  });
});

describe('a run that is still under way', () => {
  test('lets the next planned time be skipped, which names it', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly');
    await errand.advance(minutes(60));
    const [first] = runsOf(errand, 'hourly');
    errand.platform.boot(await errand.container(first?.id ?? ''));
    await errand.advance(minutes(59));
    // The task runs for an hour at most, and is told to end by then.
    expect(await errand.run(first?.id ?? '')).toMatchObject({ state: 'running' });
    await errand.advance(minutes(1));
    const { firings } = await errand.orchestrator.schedules.get('hourly');
    expect(firings[0]).toMatchObject({ outcome: 'skipped', reason: 'overlap', runId: first?.id });
    await endAll(errand);
    await errand.advance(minutes(60));
    expect(await came(errand, 'hourly')).toEqual(['11:00 started', '10:00 skipped overlap', '09:00 started']);
  });

  test('is one, too, while it waits for its next attempt', async () => {
    const errand = await startErrand();
    const backoff = { initialSeconds: 1800, factor: 1, maxSeconds: 1800 };
    await errand.push({ taskName: 'Retried', retry: { maxAttempts: 2, on: ['exitCode'], backoff } });
    await put(errand, 'hourly', { taskName: 'Retried', cron: '*/10 * * * *' });
    await errand.advance(minutes(10));
    const [first] = runsOf(errand, 'hourly');
    await errand.runToEnd(first?.id ?? '', 1);
    expect(await errand.run(first?.id ?? '')).toMatchObject({ state: 'queued', waiting: { reason: 'backoff' } });
    await errand.advance(minutes(20));
    expect(await came(errand, 'hourly')).toEqual(['08:30 skipped overlap', '08:20 skipped overlap', '08:10 started']);
    await errand.advance(minutes(5));
    await errand.runToEnd(first?.id ?? '');
    await errand.advance(minutes(5));
    expect((await came(errand, 'hourly'))[0]).toBe('08:40 started');
  });

  test('is waited for with overlap queue, in the order of the planned times', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { overlap: 'queue', cron: '*/10 * * * *' });
    await errand.advance(minutes(10));
    errand.platform.boot(await errand.container(runsOf(errand, 'hourly')[0]?.id ?? ''));
    await errand.advance(minutes(20));
    const runs = runsOf(errand, 'hourly');
    expect(runs.map(({ plannedAt }) => plannedAt)).toEqual(['08:10', '08:20', '08:30']);
    expect(errand.platform.creates).toHaveLength(1);
    const [first, second, third] = runs.map(({ id }) => id);
    const { state, waiting } = await errand.orchestrator.view(await errand.run(third ?? ''));
    expect([state, waiting]).toEqual([
      'queued',
      expect.objectContaining({ position: 1, message: expect.stringContaining('earlier run of the schedule hourly') }),
    ]);
    errand.platform.finish(await errand.container(first ?? ''), 0);
    errand.platform.tell(first ?? '');
    await errand.settle();
    expect(await errand.run(second ?? '')).toMatchObject({ state: 'starting' });
    await errand.runToEnd(second ?? '');
    expect(await errand.run(third ?? '')).toMatchObject({ state: 'starting' });
  });

  test('is left alone with overlap allow', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { overlap: 'allow', cron: '*/10 * * * *' });
    await errand.advance(minutes(30));
    expect(errand.platform.creates).toHaveLength(3);
  });

  test('holds up nobody where it only left a container to look at', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'Kept', retention: { succeededSeconds: 86_400 } });
    await put(errand, 'hourly', { taskName: 'Kept' });
    await errand.advance(minutes(60));
    await errand.runToEnd(runsOf(errand, 'hourly')[0]?.id ?? '');
    await errand.advance(minutes(60));
    expect(await came(errand, 'hourly')).toEqual(['10:00 started', '09:00 started']);
    expect(errand.platform.creates).toHaveLength(2);
  });

  test('is none where somebody died before it was accepted', async () => {
    const errand = await startErrand();
    const { storage } = errand.process.context;
    await put(errand, 'hourly');
    await errand.advance(minutes(59));
    await storage.takeSlot({
      key: 'schedule:hourly',
      holder: '01m4rk0000000000000000000z.1',
      limit: 1,
      at: '2027-01-15T08:59:00.000Z',
    });
    await errand.advance(minutes(1));
    expect(await came(errand, 'hourly')).toEqual(['09:00 started']);
    // The place that nobody is behind is given back by the sweep, and the run goes on then.
    expect(errand.platform.creates).toEqual([]);
    await errand.advance(minutes(7));
    expect(errand.platform.creates).toHaveLength(1);
  });
});

describe('a request that is refused', () => {
  test('is noted with its reason, and the next planned time is tried', async () => {
    const errand = await startErrand();
    await errand.push({ taskName: 'Changing' });
    await put(errand, 'hourly', { taskName: 'Changing' });
    await errand.push({ taskName: 'Changing', enabled: false });
    await errand.advance(minutes(60));
    const { firings } = await errand.orchestrator.schedules.get('hourly');
    expect(firings).toMatchObject([
      { outcome: 'failed', reason: 'taskDisabled', message: expect.stringContaining('switched off') },
    ]);
    await errand.push({
      taskName: 'Changing',
      scriptParameters: [{ parameterName: 'New', parameterType: 'string', required: true }],
    });
    await errand.advance(minutes(60));
    await errand.push({ taskName: 'Changing' });
    await errand.advance(minutes(60));
    expect(await came(errand, 'hourly')).toEqual([
      '11:00 started',
      '10:00 failed invalidRequest',
      '09:00 failed taskDisabled',
    ]);
  });

  test('since the task already runs as often as it may leaves no key behind', async () => {
    const errand = await startErrand();
    const { storage } = errand.process.context;
    await errand.push({ taskName: 'Single', concurrency: { limit: 1, onLimit: 'reject' } });
    await put(errand, 'hourly', { taskName: 'Single' });
    await storage.takeSlot({ key: 'task:Single', holder: 'another', limit: 1, at: '2027-01-15T09:00:00.000Z' });
    await errand.advance(minutes(59));
    await storage.takeSlot({ key: 'task:Single', holder: 'another', limit: 1, at: '2027-01-15T09:00:00.000Z' });
    errand.calls.length = 0;
    await errand.advance(minutes(1));
    expect(await came(errand, 'hourly')).toEqual(['09:00 failed concurrencyLimitReached']);
    expect(errand.calls).not.toContain('storage.claimKey');
  });

  test('for now only is tried again, and says so meanwhile', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly');
    let tries = 0;
    errand.fail = (call) => {
      if (call !== 'storage.claimKey') return;
      tries += 1;
      if (tries <= 3) throw new ErrandError('storageUnavailable', 'the tables are out of order');
    };
    await errand.advance(minutes(60));
    expect(await errand.orchestrator.schedules.get('hourly')).toMatchObject({
      nextAt: '2027-01-15T09:00:00.000Z',
      retrying: { failures: 1, message: 'the tables are out of order' },
      firings: [],
    });
    await errand.advance(minutes(1));
    expect(tries).toBe(4);
    const after = await errand.orchestrator.schedules.get('hourly');
    expect(after.retrying).toBeUndefined();
    expect(await came(errand, 'hourly')).toEqual(['09:00 started']);
  });

  test('for longer than it may be caught up has failed', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { catchUpSeconds: 600 });
    errand.fail = (call) => {
      if (call === 'storage.claimKey') throw new ErrandError('storageUnavailable', 'the tables are out of order');
    };
    await errand.advance(minutes(75));
    expect(await came(errand, 'hourly')).toEqual(['09:00 failed missed']);
    expect((await errand.orchestrator.schedules.get('hourly')).firings[0]?.message).toContain('out of order');
  });
});

describe('time', () => {
  test('that nobody was there for is made up for by the latest planned time of the window', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { cron: '*/20 * * * *', catchUpSeconds: 3600 });
    errand.process.kill();
    await errand.advance(minutes(90));
    const second = orchestrator((await errand.start()).context);
    await second.start();
    await errand.settle();
    expect(await came({ orchestrator: second }, 'hourly')).toEqual(['09:20 started from 08:20']);
    expect(runsOf(errand, 'hourly')).toHaveLength(1);
    await second.close();
  });

  test('that nobody was there for, longer ago than the window, is passed over', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly', { catchUpSeconds: 1200 });
    errand.process.kill();
    await errand.advance(minutes(150));
    const second = orchestrator((await errand.start()).context);
    await second.start();
    await errand.settle();
    expect(await came({ orchestrator: second }, 'hourly')).toEqual(['10:00 skipped missed from 09:00']);
    expect(runsOf(errand, 'hourly')).toEqual([]);
    await errand.advance(minutes(30));
    expect(await came({ orchestrator: second }, 'hourly')).toEqual([
      '11:00 started',
      '10:00 skipped missed from 09:00',
    ]);
    await second.close();
  });

  test('that is set forward is noticed within a minute or two, though no timer is due', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly');
    errand.clock.set(errand.clock.now() + minutes(61));
    await errand.advance(minutes(2));
    expect(await came(errand, 'hourly')).toEqual(['09:00 started']);
  });

  test('that is set back fires nothing again, and a schedule that is put then neither', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly');
    await errand.advance(minutes(61));
    await endAll(errand);
    errand.clock.set(errand.clock.now() - minutes(90));
    await errand.advance(minutes(60));
    expect(runsOf(errand, 'hourly')).toHaveLength(1);
    // Edited, it is planned for 9:00 again: the same planned time is the same run.
    await put(errand, 'hourly', { cron: '0,1 * * * *' });
    await errand.advance(minutes(30));
    expect(runsOf(errand, 'hourly').map(({ plannedAt }) => plannedAt)).toEqual(['09:00', '09:01']);
  });

  test.each([
    ['the hour that daylight saving leaves out', '2027-03-28T00:00Z', '2027-03-28T03:00Z', ['01:00']],
    ['the hour that it brings twice', '2027-10-31T00:00Z', '2027-10-31T03:00Z', ['00:30']],
    ['a leap day', '2028-02-28T23:00Z', '2028-02-29T02:00Z', ['01:30']],
  ])('in %s is fired once', async (_, from, to, planned) => {
    const errand = await startErrand();
    errand.clock.set(Date.parse(from));
    await put(errand, 'hourly', { cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
    await until(errand, to);
    expect(runsOf(errand, 'hourly').map(({ plannedAt }) => plannedAt)).toEqual(planned);
  });

  test('that a wake-up comes before is waited for', async () => {
    const errand = await startErrand();
    await put(errand, 'hourly');
    await errand.advance(minutes(59));
    const { wakeId } = await errand.orchestrator.schedules.get('hourly');
    await errand.orchestrator.onWakeUp({ runId: 'schedule:hourly', wakeId });
    await errand.settle();
    expect(runsOf(errand, 'hourly')).toEqual([]);
    await errand.advance(minutes(1));
    expect(runsOf(errand, 'hourly')).toHaveLength(1);
  });
});

test('a schedule that an Errand of other time zones could not read is planned again once it is put again, as it asked to be', async () => {
  const errand = await startErrand();
  const { storage } = errand.process.context;
  await put(errand, 'hourly');
  const readable = await errand.orchestrator.schedules.get('hourly');
  const elsewhere = { ...readable.document, timeZone: 'Mars/Olympus' };
  await storage.updateSchedule({ ...readable, document: elsewhere, version: readable.version + 1 });
  await errand.advance(minutes(60));
  const unread = await errand.orchestrator.schedules.get('hourly');
  expect(unread.firings[0]).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('put the schedule again'),
  });
  // The Errand that is here now knows the zone.
  await storage.updateSchedule({ ...unread, document: readable.document, version: unread.version + 1 });
  await put(errand, 'hourly');
  expect(await errand.orchestrator.schedules.get('hourly')).toMatchObject({ nextAt: '2027-01-15T10:00:00.000Z' });
  await errand.advance(minutes(60));
  expect((await came(errand, 'hourly'))[0]).toBe('10:00 started');
});

test('a wake-up of another chain, or of a schedule that is gone, is dropped', async () => {
  const errand = await startErrand();
  await put(errand, 'hourly');
  await errand.advance(minutes(60));
  errand.calls.length = 0;
  await errand.orchestrator.onWakeUp({ runId: 'schedule:hourly', wakeId: 'another' });
  await errand.orchestrator.onWakeUp({ runId: 'schedule:gone', wakeId: 'any' });
  expect(errand.calls).toEqual(['storage.getSchedule', 'storage.getSchedule']);
});

test('a wake-up that died with its process is found by the sweep of another', async () => {
  const errand = await startErrand();
  const other = await errand.start();
  await orchestrator(other.context).schedules.put('hourly', documentOf(), 'ann', {});
  other.kill();
  await errand.advance(minutes(62));
  expect(await came(errand, 'hourly')).toEqual(['09:00 started']);
});

test('one that cannot be seen to keeps no other from it', async () => {
  const errand = await startErrand();
  for (const name of ['a', 'b']) await put(errand, name);
  await errand.advance(minutes(59));
  errand.fail = (call, [first]) => {
    if (call === 'storage.getSchedule' && first === 'a') throw new ErrandError('storageUnavailable', 'gone for now');
  };
  await errand.advance(minutes(4));
  expect(await errand.orchestrator.schedules.get('b')).toMatchObject({ firings: [{ outcome: 'started' }] });
  expect(errand.logged.some((line) => line.includes('could not see to a schedule'))).toBe(true);
  errand.fail = undefined;
  await errand.advance(minutes(2));
  expect(await came(errand, 'a')).toEqual(['09:00 started']);
});
