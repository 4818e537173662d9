import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createClient, type Client } from '../../src/client/client.ts';
import type { ScheduleView } from '../../src/contract/schedule.ts';
import { call, problemsIn, pushScript, type Door, type OpenDoor } from './door.ts';

export function schedulesSuite(name: string, open: OpenDoor): void {
  describe(`schedules through ${name}`, () => {
    let door: Door;
    let client: Client;

    beforeAll(async () => {
      door = await open();
      client = createClient({ url: door.url });
      await pushScript(door.url, 'Tidy', 'echo "tidied $Days"', {
        scriptParameters: [{ parameterName: 'Days', parameterType: 'int', minimum: 1, required: true }],
      });
      await pushScript(door.url, 'Secretive', 'true', {
        scriptParameters: [
          { parameterName: 'Token', parameterType: 'secret', required: true },
          { parameterName: 'Held', parameterType: 'secret', valueFrom: 'env:ERRAND_SECRET_HELD' },
        ],
      });
    });
    afterAll(() => door.close());

    const days = (value: number) => [{ name: 'Days', value }];
    const nightly = { taskName: 'Tidy', parameters: days(30), cron: '30 2 * * *', timeZone: 'Europe/Berlin' };
    const path = (schedule: string) => `/api/schedules/${schedule}`;
    const put = (schedule: string, body: unknown, headers: Record<string, string> = {}) =>
      call(door.url, path(schedule), { method: 'PUT', body, headers });

    /** Sent again, both find what their first sending has done. */
    const created = () => (door.isRough === true ? expect.toBeOneOf([200, 201]) : 201);
    const remove = async (schedule: string): Promise<void> => {
      const { status } = await call(door.url, path(schedule), { method: 'DELETE' });
      expect(status).toEqual(door.isRough === true ? expect.toBeOneOf([204, 404]) : 204);
    };

    test('one is made, read, replaced, listed and removed', async () => {
      const made = await put('nightly', nightly);
      const schedule = made.json as ScheduleView;
      expect([made.status, made.headers.get('etag')]).toEqual([created(), `"${schedule.etag}"`]);
      expect(schedule).toMatchObject({
        name: 'nightly',
        ...nightly,
        overlap: 'skip',
        catchUpSeconds: 7200,
        paused: false,
        firings: [],
        createdBy: 'local',
      });
      expect(schedule.upcoming).toHaveLength(5);
      expect(schedule.upcoming[0]).toBe(schedule.nextAt);
      expect((await call(door.url, path('nightly'))).json).toEqual(schedule);
      const replaced = await put('nightly', { ...nightly, labels: { team: 'ops' } });
      expect([replaced.status, (replaced.json as ScheduleView).nextAt]).toEqual([200, schedule.nextAt]);
      await put('another', { ...nightly, cron: '@hourly' });
      expect((await client.schedules()).schedules.map((each) => each.name)).toEqual(['another', 'nightly']);
      const first = await client.schedules({ limit: 1, task: 'Tidy' });
      expect([first.schedules.length, first.cursor]).toEqual([1, 'another']);
      expect((await client.schedules({ cursor: first.cursor, limit: 5 })).schedules.map((each) => each.name)).toEqual([
        'nightly',
      ]);
      expect((await client.schedules({ task: 'Other' })).schedules).toEqual([]);
      for (const each of ['another', 'nightly']) await remove(each);
      const gone = await call(door.url, path('nightly'));
      expect([gone.status, gone.json]).toEqual([404, expect.objectContaining({ code: 'scheduleNotFound' })]);
    });

    test('conditions keep one person from overwriting another', async ({ skip }) => {
      skip(door.isRough === true, 'what its first sending has made is another version to one that is sent again');
      const { etag } = (await put('shared', nightly, { 'If-None-Match': '*' })).json as ScheduleView;
      const again = await put('shared', nightly, { 'If-None-Match': '*' });
      expect([again.status, again.json]).toEqual([412, expect.objectContaining({ code: 'preconditionFailed' })]);
      const edited = await put('shared', { ...nightly, overlap: 'queue' }, { 'If-Match': `"${etag}"` });
      expect(edited.status).toBe(200);
      expect((await put('shared', nightly, { 'If-Match': `"${etag}"` })).status).toBe(412);
      expect((await put('new', nightly, { 'If-Match': '*' })).status).toBe(412);
      expect(problemsIn(await put('shared', nightly, { 'If-None-Match': '"one"' }))).toEqual([
        '/headers/If-None-Match notAllowed',
      ]);
      await expect(client.removeSchedule('shared', { ifMatch: etag })).rejects.toMatchObject({ status: 412 });
      await client.removeSchedule('shared', { ifMatch: (edited.json as ScheduleView).etag });
    });

    test('pause and resume, both as often as one likes', async () => {
      await put('resting', nightly);
      const paused = await client.pauseSchedule('resting');
      expect([paused.paused, paused.nextAt, paused.upcoming]).toEqual([true, undefined, []]);
      expect((await client.pauseSchedule('resting')).etag).toBe(paused.etag);
      const resumed = await client.resumeSchedule('resting');
      expect([resumed.paused, resumed.nextAt]).toEqual([false, resumed.upcoming[0]]);
      await remove('resting');
      await expect(client.pauseSchedule('resting')).rejects.toMatchObject({ status: 404 });
    });

    test('all that is wrong comes in one answer', async () => {
      const answer = await put('wrong', {
        taskName: 'Tidy',
        parameters: [...days(0), { name: 'Weeks', value: 1 }],
        cron: '61 25 * * *',
        timeZone: '+02:00',
        labels: { schedule: 'mine' },
        timeouts: { runSeconds: 7200 },
      });
      expect(answer.status).toBe(422);
      expect(problemsIn(answer)).toEqual([
        '/cron invalidPattern',
        '/cron invalidPattern',
        '/labels/schedule reservedName',
        '/parameters/0/value tooSmall',
        '/parameters/1/name unknownParameter',
        '/timeZone notAllowed',
        '/timeouts/runSeconds tooLarge',
      ]);
      const malformed = await put('wrong', { taskName: 'Tidy', cron: '0 0 30 2 *', overlap: 'both', when: 'now' });
      expect(problemsIn(malformed)).toEqual([
        '/cron inconsistent',
        '/overlap notAllowed',
        '/parameters required',
        '/when unknownField',
      ]);
      expect(problemsIn(await put('wrong', { ...nightly, taskName: 'Nobody', cron: '* * *' }))).toEqual([
        '/cron invalidPattern',
        '/taskName notAllowed',
      ]);
      expect(problemsIn(await put('a%2Fb', nightly))).toEqual(['/name invalidName']);
      const unknown = await put('wrong', { ...nightly, taskName: 'Nobody' });
      expect([unknown.status, unknown.json]).toEqual([404, expect.objectContaining({ code: 'taskNotFound' })]);
      expect((await call(door.url, path('wrong'))).status).toBe(404);
    });

    test('secrets are not kept: the way out is named', async () => {
      const missing = await put('secretive', { taskName: 'Secretive', cron: '@daily' });
      expect(problemsIn(missing)).toEqual(['/parameters required']);
      const given = await put('secretive', {
        taskName: 'Secretive',
        cron: '@daily',
        parameters: [{ name: 'Token', value: 'hunter2' }],
      });
      expect(problemsIn(given)).toEqual(['/parameters/0/value notAllowed']);
      expect(given.text).toContain('valueFrom');
      expect(given.text).not.toContain('hunter2');
    });

    test('a planned time is run, and its run says so', async () => {
      await client.putSchedule('often', { ...nightly, cron: '*/2 * * * * *', overlap: 'skip' });
      await expect
        .poll(async () => (await client.schedule('often')).firings.some(({ outcome }) => outcome === 'started'), {
          timeout: 60_000,
          interval: 200,
        })
        .toBe(true);
      await client.pauseSchedule('often');
      const { firings } = await client.schedule('often');
      const started = firings.findLast(({ outcome }) => outcome === 'started');
      const run = await client.wait(started?.runId ?? '');
      expect(run).toMatchObject({
        state: 'succeeded',
        requestedBy: 'schedule:often',
        schedule: { name: 'often', plannedAt: started?.plannedAt },
        labels: { schedule: 'often' },
      });
      expect(await (await client.log(run.id)).text()).toBe('tidied 30\n');
      const { runs } = await client.list({ labels: { schedule: 'often' } });
      const plannedAt = runs.map(({ schedule }) => schedule?.plannedAt);
      expect(new Set(plannedAt).size).toBe(plannedAt.length);
      await Promise.all(runs.map(({ id }) => client.wait(id)));
      await remove('often');
    });
  });
}
