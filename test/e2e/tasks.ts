import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createClient, type Client } from '../../src/client/client.ts';
import { call, problemsIn, pushScript, type Door, type OpenDoor } from './door.ts';

export function tasksSuite(name: string, open: OpenDoor): void {
  describe(`tasks through ${name}`, () => {
    let door: Door;
    let client: Client;

    beforeAll(async () => {
      door = await open();
      client = createClient({ url: door.url });
    });
    afterAll(() => door.close());

    const definition = (taskName: string, more: object = {}) => ({
      taskName,
      dockerImage: 'busybox',
      scriptName: `${taskName}.sh`,
      ...more,
    });
    const put = (taskName: string, body: unknown, headers = {}) =>
      call(door.url, `/api/tasks/${taskName}`, { method: 'PUT', body, headers });
    /** Sent again, it finds nothing where its first sending was carried out. */
    const remove = async (taskName: string): Promise<void> => {
      const { status } = await call(door.url, `/api/tasks/${taskName}`, { method: 'DELETE' });
      expect(status).toEqual(door.isRough === true ? expect.toBeOneOf([204, 404]) : 204);
    };
    const form = (parts: Record<string, string | Uint8Array<ArrayBuffer>>): FormData => {
      const data = new FormData();
      for (const [part, content] of Object.entries(parts)) data.append(part, new Blob([content]), part);
      return data;
    };

    test('a task is created, read, replaced and removed', async () => {
      const document = definition('Made', { description: 'as written' });
      const created = await put(
        'Made',
        form({ definition: JSON.stringify(document), executable: '#!/bin/sh\necho 1\n' }),
      );
      // Sent again, it replaces what its first sending has made.
      expect(created.status).toEqual(door.isRough === true ? expect.toBeOneOf([200, 201]) : 201);
      expect(created.json).toMatchObject({ document, executable: { name: 'Made.sh', bytes: 17 } });
      const read = await call(door.url, '/api/tasks/Made');
      expect([read.status, read.headers.get('etag'), read.json]).toEqual([
        200,
        created.headers.get('etag'),
        created.json,
      ]);
      const replaced = await put('Made', definition('Made', { description: 'again' }));
      expect([replaced.status, replaced.json]).toEqual([
        200,
        expect.objectContaining({ document: definition('Made', { description: 'again' }) }),
      ]);
      expect(await client.tasks()).toContainEqual({
        taskName: 'Made',
        description: 'again',
        enabled: true,
        valid: true,
      });
      await remove('Made');
      expect((await call(door.url, '/api/tasks/Made')).json).toMatchObject({ code: 'taskNotFound' });
      expect((await call(door.url, '/api/tasks/Made', { method: 'DELETE' })).status).toBe(404);
    });

    test('an executable of any bytes arrives as it was sent', async () => {
      const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256);
      const task = await client.push('Binary', definition('Binary'), { executable: new Blob([bytes]) });
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
      expect(task.executable).toMatchObject({ bytes: 70_000, sha256: digest });
    });

    test('conditions keep one author from overwriting another', async () => {
      await pushScript(door.url, 'Shared', 'true');
      const { etag } = await client.task('Shared');
      const changed = await client.push('Shared', definition('Shared', { description: 'first' }), { ifMatch: etag });
      expect(changed.etag).not.toBe(etag);
      const late = await put('Shared', definition('Shared', { description: 'second' }), { 'If-Match': `"${etag}"` });
      expect([late.status, (late.json as { code: string }).code]).toEqual([412, 'preconditionFailed']);
      expect((await client.task('Shared')).document.description).toBe('first');
      expect(
        (await call(door.url, '/api/tasks/Shared', { method: 'DELETE', headers: { 'If-Match': `"${etag}"` } })).status,
      ).toBe(412);
      expect((await put('Shared', definition('Shared'), { 'If-Match': '*' })).status).toBe(200);
      expect((await put('Fresh', definition('Fresh'), { 'If-Match': '*' })).status).toBe(412);
      expect(problemsIn(await put('Shared', definition('Shared'), { 'If-None-Match': '*' }))).toEqual([
        '/headers/If-None-Match notAllowed',
      ]);
    });

    test('a definition that is not valid is refused with all its problems', async () => {
      const answer = await put(
        'Wrong',
        form({
          definition: JSON.stringify({ ...definition('Other'), dockerImage: 'NOT OK', color: 1 }),
          executable: 'x',
        }),
      );
      expect([answer.status, (answer.json as { code: string }).code]).toEqual([422, 'invalidDefinition']);
      expect(problemsIn(answer)).toEqual(['/color unknownField', '/dockerImage invalidImage']);
      expect(
        problemsIn(await put('Wrong', form({ definition: JSON.stringify(definition('Other')), executable: 'x' }))),
      ).toEqual(['/taskName inconsistent']);
      expect((await put('Wrong', definition('Wrong'))).json).toMatchObject({ code: 'executableMissing' });
      expect((await call(door.url, '/api/tasks/Wrong')).status).toBe(404);
    });

    test('a form that is none, or has other parts, is refused', async () => {
      const headers = { 'Content-Type': 'multipart/form-data; boundary=x' };
      expect((await put('Form', 'nothing of a form', headers)).json).toMatchObject({
        status: 422,
        code: 'invalidRequest',
      });
      expect(problemsIn(await put('Form', form({ executable: 'x', readme: 'y' })))).toEqual([
        '/definition required',
        '/readme unknownField',
      ]);
      expect(
        problemsIn(await put('Form', form({ definition: JSON.stringify(definition('Form')), executable: '' }))),
      ).toEqual(['/executable tooShort']);
      expect((await put('Form', form({ definition: '{"taskName":', executable: 'x' }))).json).toMatchObject({
        code: 'invalidJson',
      });
      expect(problemsIn(await put('Form', form({ definition: '{"__proto__":{"x":1}}', executable: 'x' })))).toEqual([
        '/__proto__ unknownField',
      ]);
      expect(
        (await put('Form', form({ definition: `"${'x'.repeat(256 * 1024)}"`, executable: 'x' }))).json,
      ).toMatchObject({ code: 'bodyTooLarge' });
    });

    test('a rerun takes the task as it is now, or as it was in the earlier run', async () => {
      await pushScript(door.url, 'Versioned', 'echo one');
      const { id } = await client.run({ taskName: 'Versioned' });
      const first = await client.wait(id);
      await pushScript(door.url, 'Versioned', 'echo two', { description: 'the second' });
      const outcomes = await Promise.all(
        (['same', 'latest'] as const).map(async (version) => client.wait((await client.rerun(id, { version })).id)),
      );
      const logs = await Promise.all(outcomes.map(async (run) => (await client.log(run.id)).text()));
      expect(logs).toEqual(['one\n', 'two\n']);
      const { version: current } = await client.task('Versioned');
      expect(outcomes.map(({ taskVersion }) => taskVersion)).toEqual([first.taskVersion, current]);
      expect((await client.versions('Versioned')).map(({ version }) => version)).toEqual([current, first.taskVersion]);

      const earlier = await client.version('Versioned', first.taskVersion ?? '');
      expect(earlier.document).not.toHaveProperty('description');
      const executable = await client.executable('Versioned', { version: first.taskVersion });
      expect(await executable.text()).toBe('#!/bin/sh\necho one\n');
      expect(await (await client.executable('Versioned')).text()).toBe('#!/bin/sh\necho two\n');
      for (const path of ['versions/0123456789abcdef', 'versions/..%2fx', 'executable?version=x'])
        expect((await call(door.url, `/api/tasks/Versioned/${path}`)).json).toMatchObject({ code: 'versionNotFound' });

      await remove('Versioned');
      expect((await call(door.url, `/api/tasks/Versioned/versions`)).json).toMatchObject({ code: 'taskNotFound' });
      const gone = await call(door.url, `/api/runs/${id}/rerun`, { method: 'POST', body: { version: 'same' } });
      expect(gone.json).toMatchObject({ code: 'taskNotFound' });
      await pushScript(door.url, 'Versioned', 'echo three');
      expect(await client.versions('Versioned')).toHaveLength(1);
      const lost = await call(door.url, `/api/runs/${id}/rerun`, { method: 'POST', body: { version: 'same' } });
      expect(lost.json).toMatchObject({ code: 'executableMissing' });
    });

    test('the schema of its parameters, and a plan', async () => {
      const scriptParameters = [{ parameterName: 'Name', parameterType: 'string', required: true, maxLength: 5 }];
      await pushScript(door.url, 'Planned', 'true', { scriptParameters });
      const schema = await call(door.url, '/api/tasks/Planned/schema');
      expect(schema.headers.get('content-type')).toBe('application/schema+json');
      expect(schema.json).toMatchObject({
        required: ['Name'],
        properties: { Name: { type: 'string', maxLength: 5 } },
        additionalProperties: false,
      });
      const before = (await client.list({ task: 'Planned' })).runs;
      const plan = await client.plan({ taskName: 'Planned', parameters: [{ name: 'Name', value: 'abc' }] });
      expect(plan).toMatchObject({
        taskName: 'Planned',
        image: 'busybox',
        parameters: [{ name: 'Name', value: 'abc', secret: false }],
      });
      expect(
        problemsIn(
          await call(door.url, '/api/tasks/Planned/plan', {
            method: 'POST',
            body: { parameters: [{ name: 'Name', value: 'abcdef' }], taskName: 'x' },
          }),
        ),
      ).toEqual(['/parameters/0/value tooLong', '/taskName unknownField']);
      expect(problemsIn(await call(door.url, '/api/tasks/Planned/plan', { method: 'POST' }))).toEqual([
        '/parameters required',
      ]);
      // What a form asks while it is filled in: the same verdict, and no failure.
      const check = (value: string) => client.check({ taskName: 'Planned', parameters: [{ name: 'Name', value }] });
      expect(await check('abc')).toEqual({ problems: [], plan });
      expect(await check('abcdef')).toEqual({
        problems: [expect.objectContaining({ path: '/parameters/0/value', code: 'tooLong' })],
      });
      expect((await client.list({ task: 'Planned' })).runs).toEqual(before);
    });

    test.each(['../x', '.', 'a b', 'x'.repeat(64), '%00', 'Ａ'])('no task can be called %j', async (taskName) => {
      const answer = await put(
        encodeURIComponent(taskName),
        form({ definition: JSON.stringify(definition(taskName)), executable: 'x' }),
      );
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect((await client.tasks()).map((task) => task.taskName)).not.toContain(taskName);
    });

    test('files that a run left are downloaded as files', async () => {
      await pushScript(
        door.url,
        'Leave',
        String.raw`printf '<script>\000' > "$ERRAND_OUTPUT_DIR/page.html"; printf '{"sum":3}' > "$ERRAND_OUTPUT"`,
      );
      const { id } = await client.run({ taskName: 'Leave' });
      const run = await client.wait(id);
      expect(run).toMatchObject({ state: 'succeeded', output: { sum: 3 }, files: [{ name: 'page.html', bytes: 9 }] });
      const response = await client.output(id, 'page.html');
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment; filename="page.html"',
        'x-content-type-options': 'nosniff',
        'content-length': '9',
        etag: `"${run.files[0]?.sha256}"`,
      });
      expect(await response.text()).toBe('<script>\0');
      for (const file of ['nothing', '../log', 'log', '%2e%2e']) {
        const answer = await call(door.url, `/api/runs/${id}/outputs/${encodeURIComponent(file)}`);
        expect([answer.status, (answer.json as { code: string }).code]).toEqual([404, 'outputNotFound']);
      }
    });
  });
}
