import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createClient, type Client } from '../../src/client/client.ts';
import type { RunView } from '../../src/contract/run.ts';
import { call, problemsIn, pushScript, type Door, type OpenDoor } from './door.ts';

export function runsSuite(name: string, open: OpenDoor): void {
  describe(`runs through ${name}`, () => {
    let door: Door;
    let client: Client;

    beforeAll(async () => {
      door = await open();
      client = createClient({ url: door.url });
      const Name = { parameterName: 'Name', parameterType: 'string', required: true, maxLength: 20 };
      const Count = { parameterName: 'Count', parameterType: 'int', required: true, minimum: 1 };
      const Token = { parameterName: 'Token', parameterType: 'secret' };
      await pushScript(door.url, 'Greet', 'echo "hello $Name $Count"', { scriptParameters: [Name, Count, Token] });
      await pushScript(door.url, 'Wait', 'exec sleep 60', { timeouts: { graceSeconds: 1 } });
      await pushScript(door.url, 'Fail', 'exit 7');
    });
    afterAll(() => door.close());

    const post = (body: unknown, headers = {}) => call(door.url, '/api/runs', { method: 'POST', body, headers });
    const greet = {
      taskName: 'Greet',
      parameters: [
        { name: 'Name', value: 'World' },
        { name: 'Count', value: 3 },
      ],
    };

    test('the original body is answered with 202, a Location and the run', async () => {
      const answer = await post(greet);
      const run = answer.json as RunView;
      expect(answer.status).toBe(202);
      expect(answer.headers.get('location')).toBe(`/api/runs/${run.id}`);
      expect(run).toMatchObject({
        taskName: 'Greet',
        requestedBy: 'local',
        parameters: [
          { name: 'Name', value: 'World' },
          { name: 'Count', value: '3' },
        ],
      });
      expect(await client.wait(run.id)).toMatchObject({ state: 'succeeded', exitCode: 0, reason: 'completed' });
      expect(await (await client.log(run.id)).text()).toBe('hello World 3\n');
    });

    test('a secret is nowhere in what is answered', async () => {
      const secret = 'correct-horse-battery';
      const accepted = await post({ ...greet, parameters: [...greet.parameters, { name: 'Token', value: secret }] });
      const { id } = accepted.json as RunView;
      await client.wait(id);
      const list = await call(door.url, '/api/runs');
      const one = await call(door.url, `/api/runs/${id}`);
      expect((one.json as RunView).parameters).toContainEqual({ name: 'Token', secret: true });
      expect(accepted.text + list.text + one.text).not.toContain(secret);
    });

    test('all problems come in one answer, those of form and those of the task together', async () => {
      const answer = await post(
        {
          taskName: 'Greet',
          parameters: [
            { name: 'Bogus', value: 1 },
            { name: 'Name', value: 'x'.repeat(21), extra: 1 },
            { value: 5 },
            { name: 'Token', value: 'a\u0000b' },
          ],
          color: 'red',
          labels: { '-bad': 'x' },
          timeouts: { runSeconds: 0 },
        },
        { 'Idempotency-Key': 'with space' },
      );
      expect(answer.status).toBe(422);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(problemsIn(answer)).toEqual([
        '/color unknownField',
        '/headers/Idempotency-Key invalidCharacter',
        '/labels/-bad invalidName',
        '/parameters required',
        '/parameters/0/name unknownParameter',
        '/parameters/1/extra unknownField',
        '/parameters/2/name required',
        '/parameters/3/value invalidCharacter',
        '/timeouts/runSeconds tooSmall',
      ]);
    });

    test('keys that mean something to JavaScript mean nothing here', async () => {
      const body =
        '{"taskName":"Greet","__proto__":{"taskName":"Fail"},"constructor":{"prototype":{"polluted":1}},"labels":{"__proto__":"a"},"parameters":[{"name":"Name","value":{"__proto__":1}},{"name":"__proto__","value":"x"},{"name":"Count","value":1}]}';
      const answer = await post(body, { 'Content-Type': 'application/json' });
      expect(answer.status).toBe(422);
      expect(problemsIn(answer)).toEqual([
        '/__proto__ unknownField',
        '/constructor unknownField',
        '/labels/__proto__ unknownField',
        '/parameters/0/value wrongType',
        '/parameters/0/value/__proto__ unknownField',
        '/parameters/1/name unknownParameter',
      ]);
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    });

    test('problems of the task alone come with their paths and what is allowed', async () => {
      const answer = await post({
        taskName: 'Greet',
        parameters: [
          { name: 'name', value: 'a' },
          { name: 'Count', value: 0 },
        ],
      });
      expect(problemsIn(answer)).toEqual([
        '/parameters required',
        '/parameters/0/name unknownParameter',
        '/parameters/1/value tooSmall',
      ]);
      expect((answer.json as { problems: unknown[] }).problems).toContainEqual(
        expect.objectContaining({
          message: expect.stringContaining('did you mean Name?'),
          allowed: ['Name', 'Count', 'Token'],
        }),
      );
    });

    test('a task that there is not is a 404 that says how to go on', async () => {
      const answer = await post({ taskName: '../../etc/passwd' });
      expect([answer.status, (answer.json as { detail: string }).detail]).toEqual([
        404,
        expect.stringContaining('errand tasks'),
      ]);
    });

    test('a key leads to the same run again, whatever the order of its parameters, and to no other request', async () => {
      const headers = { 'Idempotency-Key': 'k-1' };
      const first = await post(greet, headers);
      const again = await post({ ...greet, parameters: greet.parameters.toReversed() }, headers);
      const other = await post({ ...greet, labels: { a: 'b' } }, headers);
      // Sent again, it meets the run that its first sending has made.
      const replayed = door.isRough === true ? expect.toBeOneOf([null, 'true']) : null;
      expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([202, replayed]);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
      const { id } = first.json as RunView;
      expect((again.json as RunView).id).toBe(id);
      expect([other.status, other.json]).toEqual([
        422,
        expect.objectContaining({ code: 'idempotencyKeyReused', runId: id }),
      ]);
    });

    test.each([
      ['', 'tooShort'],
      ['x'.repeat(256), 'tooLong'],
      ['caf\u00e9', 'invalidCharacter'],
    ])('the key %j is refused', async (key, code) => {
      const answer = await post(greet, { 'Idempotency-Key': key });
      expect([answer.status, problemsIn(answer)]).toEqual([422, [`/headers/Idempotency-Key ${code}`]]);
    });

    test('the longest key is taken', async () => {
      expect((await post(greet, { 'Idempotency-Key': '~'.repeat(255) })).status).toBe(202);
    });

    test('lists are filtered, paged and newest first', async () => {
      const labels = { batch: 'seven', with: 'a=b' };
      const ids: string[] = [];
      for (let index = 0; index < 3; index += 1) ids.unshift((await client.run({ ...greet, labels })).id);
      const first = await client.list({ task: 'Greet', labels, limit: 2 });
      const second = await client.list({ task: 'Greet', labels, limit: 2, cursor: first.cursor });
      expect([...first.runs, ...second.runs].map(({ id }) => id)).toEqual(ids);
      expect(second.cursor).toBeUndefined();
      await Promise.all(ids.map((id) => client.wait(id)));
      const states = await client.list({ labels, states: ['succeeded', 'failed'] });
      expect(states.runs).toHaveLength(3);
      expect((await client.list({ labels, states: ['failed'] })).runs).toEqual([]);
      expect((await client.list({ labels, since: '2999-01-01' })).runs).toEqual([]);
      expect((await client.list({ task: 'Nobody' })).runs).toEqual([]);
    });

    test('what is wrong with a query comes in one answer', async () => {
      const answer = await call(
        door.url,
        '/api/runs?state=running,asleep&label=x&label=a=1&label=a=2&since=yesterday&limit=201&page=2&task=A&task=B',
      );
      expect(answer.status).toBe(422);
      expect(problemsIn(answer)).toEqual([
        '/query/label duplicate',
        '/query/label wrongType',
        '/query/limit tooLarge',
        '/query/page unknownField',
        '/query/since wrongType',
        '/query/state notAllowed',
        '/query/task duplicate',
      ]);
      expect((await call(door.url, '/api/runs?cursor=%00%ff')).status).toBe(422);
    });

    test('waiting ends with the run, or with the time', async () => {
      const quick = await client.run(greet);
      expect((await call(door.url, `/api/runs/${quick.id}?wait=60`)).json).toMatchObject({ state: 'succeeded' });
      const slow = await client.run({ taskName: 'Wait' });
      const started = performance.now();
      const answer = await call(door.url, `/api/runs/${slow.id}?wait=1`);
      expect(performance.now() - started).toBeGreaterThan(900);
      expect((answer.json as RunView).endedAt).toBeUndefined();
      expect(problemsIn(await call(door.url, `/api/runs/${slow.id}?wait=61`))).toEqual(['/query/wait tooLarge']);
      await client.cancel(slow.id);
    });

    test('a cancel stops the run, and is answered with what came of it', async () => {
      const run = await client.run({ taskName: 'Wait' });
      for await (const { event } of client.events(run.id)) if (event === 'attempt') break;
      const asked = await call(door.url, `/api/runs/${run.id}/cancel`, { method: 'POST' });
      expect([asked.status, (asked.json as RunView).cancel]).toEqual([202, expect.objectContaining({ by: 'local' })]);
      expect(await client.wait(run.id)).toMatchObject({ state: 'canceled' });
      const again = await call(door.url, `/api/runs/${run.id}/cancel`, { method: 'POST' });
      expect([again.status, (again.json as RunView).state]).toEqual([200, 'canceled']);
    });

    test('a rerun takes over what is not given anew', async () => {
      const { id } = await client.run({ ...greet, labels: { a: 'b' } });
      const again = await client.rerun(id, { parameters: [{ name: 'Count', value: 4 }] });
      expect(again).toMatchObject({
        rerunOf: id,
        labels: { a: 'b' },
        parameters: [
          { name: 'Name', value: 'World' },
          { name: 'Count', value: '4' },
        ],
      });
      const bare = await call(door.url, `/api/runs/${id}/rerun`, { method: 'POST' });
      expect([bare.status, bare.headers.get('location')]).toEqual([202, `/api/runs/${(bare.json as RunView).id}`]);
      await Promise.all([client.wait(id), client.wait(again.id)]);
    });

    test('only a lost run can be resolved', async () => {
      const { id } = await client.run({ taskName: 'Fail' });
      expect(await client.wait(id)).toMatchObject({ state: 'failed', exitCode: 7, reason: 'exitCode' });
      const answer = await call(door.url, `/api/runs/${id}/resolve`, {
        method: 'POST',
        body: { outcome: 'succeeded', note: 'seen' },
      });
      expect([answer.status, (answer.json as { code: string }).code]).toEqual([409, 'runNotLost']);
      const wrong = await call(door.url, `/api/runs/${id}/resolve`, { method: 'POST', body: { outcome: 'maybe' } });
      expect(problemsIn(wrong)).toEqual(['/note required', '/outcome notAllowed']);
    });

    test('changes are told as they come, and how things stand by then', async () => {
      let id: string | undefined;
      for await (const event of client.changes()) {
        if (event.event === 'open') id ??= (await client.run({ taskName: 'Fail' })).id;
        else if (event.change.id === id && event.change.state === 'failed') break;
      }
      const { runs, ended, tasks, places } = await client.overview({ hours: 1 });
      expect(runs).toBeGreaterThan(0);
      expect(ended.failed).toBeGreaterThan(0);
      const [latest] = tasks.find(({ taskName }) => taskName === 'Fail')?.runs ?? [];
      expect(latest).toMatchObject({ id, state: 'failed' });
      expect(places.length).toBeGreaterThan(0);
    });

    test.each(['0', 'x'.repeat(26), '01arz3ndektsv4rrffq69g5fav', '%2e%2e%2f', "'; drop table runs; --"])(
      'there is no run %s',
      async (id) => {
        const answer = await call(door.url, `/api/runs/${encodeURIComponent(id)}`);
        expect([answer.status, (answer.json as { code: string }).code]).toEqual([404, 'runNotFound']);
      },
    );
  });
}
