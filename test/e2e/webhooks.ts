import { randomBytes } from 'node:crypto';

import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { createClient, type Client } from '../../src/client/client.ts';
import type { RunView } from '../../src/contract/run.ts';
import { receiver, type Receiver } from '../webhooks/support/receivers.ts';
import { call, problemsIn, pushScript, type Door, type OpenDoor } from './door.ts';

const secretOf = () => `whsec_${randomBytes(32).toString('base64')}`;

/** The door has to let webhooks go to 127.0.0.1. */
export function webhooksSuite(name: string, open: OpenDoor): void {
  describe(`webhooks through ${name}`, () => {
    let door: Door;
    let client: Client;
    let hooks: Receiver;
    let url: string;

    beforeAll(async () => {
      door = await open();
      client = createClient({ url: door.url });
      hooks = await receiver();
      url = `http://127.0.0.1:${hooks.port}/hooks`;
      const parameters = ['Name', 'Token'].map((parameterName) => ({
        parameterName,
        parameterType: parameterName === 'Token' ? 'secret' : 'string',
      }));
      await pushScript(door.url, 'Told', 'echo "hello $Name"', { scriptParameters: parameters });
      await pushScript(door.url, 'Fails', 'exit 3');
    });
    afterEach(() => {
      hooks.received.length = 0;
      hooks.answer = undefined;
    });
    afterAll(async () => {
      await door.close();
      await hooks.close();
    });

    /** The run once nobody has to be told any more. */
    async function told(id: string): Promise<RunView> {
      await client.wait(id);
      await expect
        .poll(async () => (await client.get(id)).webhooks?.every(({ state }) => state !== 'pending'), {
          timeout: 30_000,
        })
        .toBe(true);
      return client.get(id);
    }

    test('the end of a run is told in a message that an independent package takes for genuine', async () => {
      const [secret, next] = [secretOf(), secretOf()];
      const { id } = await client.run({
        taskName: 'Told',
        parameters: [
          { name: 'Name', value: 'World' },
          { name: 'Token', value: 'hunter2-and-more' },
        ],
        webhook: { url, secret: [secret, next] },
      });
      const run = await told(id);
      expect(run.webhooks).toEqual([
        expect.objectContaining({ number: 1, from: 'request', target: new URL(url).origin, state: 'delivered' }),
      ]);
      const [message] = hooks.received;
      if (message === undefined) throw new Error('nothing was received');
      for (const known of [secret, next]) {
        expect(new Webhook(known).verify(message.body, message.headers)).toMatchObject({
          type: 'run.ended',
          timestamp: run.endedAt,
          data: { id, taskName: 'Told', state: 'succeeded', parameters: [{ value: 'World' }, { secret: true }] },
        });
      }
      expect(message.headers['webhook-id']).toBe(`msg_${id}_1`);
      const everything = JSON.stringify([run, message]);
      for (const hidden of ['hunter2', secret, next]) expect(everything).not.toContain(hidden);
    });

    test("the original's callbackUri is told whether the task has succeeded", async () => {
      for (const taskName of ['Told', 'Fails'])
        await told((await client.run({ taskName, callbackUri: `${url}/${taskName}` })).id);
      const said = hooks.received.map(({ path, body }) => `${path} ${body}`);
      // At least once: where the note that one has arrived is lost, it is sent again.
      expect(door.isRough === true ? [...new Set(said)] : said).toEqual([
        '/hooks/Told {"TaskStatus":true}',
        '/hooks/Fails {"TaskStatus":false}',
      ]);
    });

    test('a task tells of all its runs, in the words of a chat', async () => {
      await pushScript(door.url, 'Chatty', 'exit 3', {
        webhooks: [
          { url: `${url}/slack`, format: 'slack', on: ['failed'] },
          { url: `${url}/teams`, format: 'teams' },
          { url: `${url}/never`, format: 'slack', on: ['succeeded'] },
        ],
      });
      const run = await told((await client.run({ taskName: 'Chatty', labels: { team: 'a&b' } })).id);
      expect(run.webhooks?.map(({ state }) => state)).toEqual(['delivered', 'delivered', 'unwanted']);
      const byPath = new Map(hooks.received.map(({ path, body }) => [path, JSON.parse(body) as unknown]));
      expect(byPath.get('/hooks/slack')).toEqual({
        text: expect.stringMatching(/^❌ Chatty failed\nexit code 3\n.*a&amp;b/),
      });
      expect(byPath.get('/hooks/teams')).toMatchObject({
        type: 'message',
        attachments: [
          {
            contentType: 'application/vnd.microsoft.card.adaptive',
            content: {
              type: 'AdaptiveCard',
              body: [{ text: '❌ Chatty failed' }, { text: 'exit code 3' }, { type: 'FactSet' }],
            },
          },
        ],
      });
      expect(byPath.size).toBe(2);
    });

    test('a failure is tried again, and a receiver that is gone is given up; it can be told once more', async ({
      skip,
    }) => {
      skip(door.isRough === true, 'it counts messages, which are sent at least once');
      hooks.answer = (_, response) => response.writeHead(hooks.received.length === 1 ? 503 : 410).end();
      const { id } = await client.run({ taskName: 'Told', webhook: { url, format: 'original' } });
      const given = await told(id);
      expect(given.webhooks).toEqual([expect.objectContaining({ state: 'dead', attempts: 2, status: 410 })]);
      hooks.answer = undefined;
      expect((await client.redeliver(id, 1)).webhooks).toEqual([expect.objectContaining({ state: 'pending' })]);
      expect((await told(id)).webhooks).toEqual([expect.objectContaining({ state: 'delivered' })]);
      expect(new Set(hooks.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([`msg_${id}_1`]));
      const again = await call(door.url, `/api/runs/${id}/webhooks/1/redeliver`, { method: 'POST' });
      expect([again.status, again.json]).toEqual([409, expect.objectContaining({ code: 'webhookNotDead' })]);
      const absent = await call(door.url, `/api/runs/${id}/webhooks/x/redeliver`, { method: 'POST' });
      expect([absent.status, absent.json]).toEqual([404, expect.objectContaining({ code: 'webhookNotFound' })]);
    });

    test('an address inside is refused with the request, and one that a name hides is never called', async () => {
      const answer = await call(door.url, '/api/runs', {
        method: 'POST',
        body: {
          taskName: 'Told',
          webhook: [
            { url: 'https://[::1]/', secret: secretOf() },
            { url: 'https://example.test/', secret: 'short' },
            { url },
          ],
          callbackUri: 'http://169.254.169.254/',
        },
      });
      expect([answer.status, problemsIn(answer)]).toEqual([422, ['/webhook/1/secret patternMismatch']]);
      const further = await call(door.url, '/api/runs', {
        method: 'POST',
        body: {
          taskName: 'Told',
          webhook: [{ url: 'https://[::1]/', secret: secretOf() }, { url }],
          callbackUri: 'http://169.254.169.254/',
        },
      });
      expect([further.status, problemsIn(further)]).toEqual([
        422,
        ['/callbackUri notAllowed', '/webhook/0/url notAllowed', '/webhook/1/secret required'],
      ]);
      // The name of this machine is resolved here, and leads to where only its number may be called.
      const { id } = await client.run({ taskName: 'Told', callbackUri: 'https://localhost/' });
      expect((await told(id)).webhooks).toEqual([
        expect.objectContaining({ state: 'dead', problem: expect.stringContaining('localhost is not to be called') }),
      ]);
      expect(hooks.received).toEqual([]);
    });

    test('a task whose webhooks make no sense is refused', async () => {
      const answer = await call(door.url, '/api/tasks/Odd', {
        method: 'PUT',
        body: {
          taskName: 'Odd',
          dockerImage: 'busybox',
          scriptName: 'Told.sh',
          webhooks: [
            { url, urlFrom: 'env:ERRAND_SECRET_A', format: 'slack' },
            { format: 'teams' },
            { url },
            { url: 'ftp://a', format: 'slack' },
          ],
        },
      });
      expect([answer.status, problemsIn(answer)]).toEqual([
        422,
        [
          '/webhooks/0/url inconsistent',
          '/webhooks/1/url required',
          '/webhooks/2/secretFrom required',
          '/webhooks/3/url patternMismatch',
        ],
      ]);
    });
  });
}
