import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createClient, type Client, type RunEvent } from '../../src/client/client.ts';
import { call, problemsIn, pushScript, type Door, type OpenDoor } from './door.ts';

interface StreamPart {
  text: string;
  ids: string[];
  names: string[];
}

/** Everything that one connection brings, from a place on: the text, and the events' ids. */
async function readStream({ url, isRough }: Door, id: string, lastEventId?: string): Promise<StreamPart> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
  const isEnough = (answer: string): boolean => isRough !== true || answer.includes('event: end\n');
  let text: string;
  do ({ text } = await call(url, `/api/runs/${id}/logs?follow`, { headers }));
  while (!isEnough(text));
  const messages = text.split('\n\n').filter((message) => message.startsWith('event: '));
  const fields = messages.map((message) => ({
    name: /^event: (.*)$/m.exec(message)?.[1] ?? '',
    id: /^id: (.*)$/m.exec(message)?.[1],
    data: JSON.parse(/^data: (.*)$/m.exec(message)?.[1] ?? '{}') as { text?: string },
  }));
  return {
    text: fields.map(({ data }) => data.text ?? '').join(''),
    ids: fields.flatMap((field) => (field.id === undefined ? [] : [field.id])),
    names: fields.map((field) => field.name),
  };
}

export function logsSuite(name: string, open: OpenDoor): void {
  describe(`logs through ${name}`, () => {
    let door: Door;
    let client: Client;

    beforeAll(async () => {
      door = await open();
      client = createClient({ url: door.url });
      await pushScript(door.url, 'Slow', String.raw`printf 'one \303'; sleep 1; printf '\251\n'; sleep 1; echo two`);
      await pushScript(door.url, 'Bytes', String.raw`printf 'a\r\nb\377c\000d\303\251\342\202'`);
      await pushScript(
        door.url,
        'Again',
        // What it counts are its own beginnings: an attempt may come to nothing before.
        String.raw`mark=/tmp/errand-e2e-$ERRAND_RUN_ID; echo "try $ERRAND_ATTEMPT"; [ -e "$mark" ] && exec rm "$mark"; : >"$mark"; exit 75`,
        {
          retry: { maxAttempts: 2, on: ['exitCode'], backoff: { initialSeconds: 0 } },
        },
      );
      await pushScript(
        door.url,
        'Large',
        `i=0; line=$(printf '%0999d' 0); while [ $i -lt 3000 ]; do echo "$line"; i=$((i+1)); done`,
      );
      await pushScript(door.url, 'Silent', 'exec sleep 60', { timeouts: { graceSeconds: 1 } });
    });
    afterAll(() => door.close());

    const runs = new Map<string, Promise<string>>();

    /** The id of a run of this task that has ended; one serves all tests that only read it. */
    function ended(taskName: string): Promise<string> {
      const known = runs.get(taskName) ?? client.run({ taskName }).then(async ({ id }) => (await client.wait(id)).id);
      runs.set(taskName, known);
      return known;
    }

    /** Numbers of the attempts in which the task has begun. Where nothing goes wrong, all have. */
    async function begun(id: string): Promise<number[]> {
      const { attempts } = await client.wait(id);
      const numbers = attempts.filter(({ fencedAt, log }) => fencedAt !== undefined && log !== undefined);
      if (door.isRough !== true) expect(numbers).toHaveLength(attempts.length);
      return numbers.map(({ number }) => number);
    }

    test('a log is followed as it grows, and no character is cut in two', async () => {
      const { id } = await client.run({ taskName: 'Slow' });
      const events: RunEvent[] = [];
      for await (const event of client.events(id)) events.push(event);
      const texts = events.flatMap((event) => (event.event === 'log' ? [event.text] : []));
      expect(texts.join('')).toBe('one é\ntwo\n');
      expect(texts.length).toBeGreaterThanOrEqual(3);
      const attempts = events.flatMap((event) => (event.event === 'attempt' ? [event.attempt] : []));
      expect(await begun(id)).toEqual(attempts.slice(-1));
      expect(attempts).toEqual(attempts.map((_, index) => index + 1));
      const states = events.flatMap((event) => (event.event === 'state' ? [event.state] : []));
      expect(states.at(-1)).toBe('succeeded');
      expect(events.at(-1)).toEqual({
        event: 'end',
        state: 'succeeded',
        exitCode: 0,
        reason: 'completed',
        message: 'exit code 0',
      });
    });

    test('attempts follow one another, and each has its own log', async () => {
      const { id } = await client.run({ taskName: 'Again' });
      const events: RunEvent[] = [];
      for await (const event of client.events(id)) if (event.event !== 'state') events.push(event);
      const numbers = await begun(id);
      const [first = 0, second = 0] = numbers;
      expect(numbers).toEqual([first, second]);
      const isOfThem = (event: RunEvent): boolean => !('attempt' in event) || numbers.includes(event.attempt);
      expect(events.filter(isOfThem)).toEqual([
        { event: 'attempt', attempt: first, position: `${first}:0` },
        { event: 'log', attempt: first, text: `try ${first}\n`, position: `${first}:${`try ${first}\n`.length}` },
        { event: 'attempt', attempt: second, position: `${second}:0` },
        { event: 'log', attempt: second, text: `try ${second}\n`, position: `${second}:${`try ${second}\n`.length}` },
        expect.objectContaining({ event: 'end', state: 'succeeded' }),
      ]);
      expect(await (await client.log(id)).text()).toBe(`try ${second}\n`);
      expect(await (await client.log(id, { attempt: first })).text()).toBe(`try ${first}\n`);
      const none = await call(door.url, `/api/runs/${id}/logs?attempt=${second + 1}`);
      expect(none.json).toMatchObject({ code: 'attemptNotFound' });
      const end = `try ${first}\n`.length;
      const between = Array.from({ length: second - first - 1 }, () => 'attempt');
      expect(await readStream(door, id, `${first}:${end}`)).toMatchObject({
        text: `try ${second}\n`,
        names: ['state', ...between, 'attempt', 'log', 'end'],
      });
      expect((await readStream(door, id, `${first}:${end}`)).ids.slice(-2)).toEqual([
        `${second}:0`,
        `${second}:${`try ${second}\n`.length}`,
      ]);
    });

    test('any byte survives the download, and what is no UTF-8 is marked in events', async () => {
      const id = await ended('Bytes');
      const response = await client.log(id);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(
        Buffer.from([0x61, 13, 10, 0x62, 255, 0x63, 0, 0x64, 0xc3, 0xa9, 0xe2, 0x82]),
      );
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect((await readStream(door, id)).text).toBe('a\r\nb\ufffdc\0dé\ufffd');
    });

    test('from any place the rest follows, and nothing of what was before', async () => {
      const id = await ended('Slow');
      const whole = Buffer.from('one é\ntwo\n');
      const [attempt] = await begun(id);
      for (let offset = 0; offset <= whole.length; offset += 1) {
        const { text } = await readStream(door, id, `${attempt}:${offset}`);
        expect(text).toBe(new TextDecoder('utf-8').decode(whole.subarray(offset)));
      }
      expect((await readStream(door, id, `${attempt}:9999`)).names).toEqual(['state', 'end']);
      expect(
        problemsIn(await call(door.url, `/api/runs/${id}/logs?follow`, { headers: { 'Last-Event-ID': 'x' } })),
      ).toEqual(['/headers/Last-Event-ID wrongType']);
    });

    test('ranges of bytes', async () => {
      const id = await ended('Slow');
      const part = async (range: string, headers = {}) => {
        const answer = await call(door.url, `/api/runs/${id}/logs`, { headers: { Range: range, ...headers } });
        return [answer.status, answer.text, answer.headers.get('content-range')];
      };
      expect(await part('bytes=0-2')).toEqual([206, 'one', 'bytes 0-2/11']);
      expect(await part('bytes=7-')).toEqual([206, 'two\n', 'bytes 7-10/11']);
      expect(await part('bytes=-4')).toEqual([206, 'two\n', 'bytes 7-10/11']);
      expect(await part('bytes=-999')).toEqual([206, 'one é\ntwo\n', 'bytes 0-10/11']);
      expect(await part('bytes=7-999')).toEqual([206, 'two\n', 'bytes 7-10/11']);
      for (const ignored of ['bytes=5-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-', 'bytes=a-b'])
        expect((await part(ignored))[0]).toBe(200);
      expect(await part('bytes=11-')).toEqual([416, expect.stringContaining('rangeNotSatisfiable'), 'bytes */11']);
      expect((await part('bytes=-0'))[0]).toBe(416);
      expect((await part('bytes=0-2', { 'If-Range': '"another"' }))[0]).toBe(200);
    });

    test('a large log is complete either way, and its ETag is its hash', async () => {
      const { id } = await client.run({ taskName: 'Large' });
      let followed = '';
      for await (const { text } of client.logs(id)) followed += text;
      const run = await client.wait(id);
      const response = await client.log(id);
      const bytes = Buffer.from(await response.arrayBuffer());
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      expect([followed.length, bytes.length]).toEqual([3_000_000, 3_000_000]);
      expect(createHash('sha256').update(followed).digest('hex')).toBe(sha256);
      expect(run.log).toMatchObject({ sha256, bytes: 3_000_000, lines: 3000, complete: true });
      expect(response.headers.get('etag')).toBe(`"${sha256}"`);
      const head = await call(door.url, `/api/runs/${id}/logs`, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length'), head.headers.get('accept-ranges')]).toEqual([
        200,
        '3000000',
        'bytes',
      ]);
    });

    test('a run that has printed nothing has an empty log, and a cancel ends the stream', async () => {
      const { id } = await client.run({ taskName: 'Silent' });
      expect(await (await client.log(id)).text()).toBe('');
      const seen: string[] = [];
      for await (const event of client.events(id)) {
        if (event.event === 'attempt') await client.cancel(id);
        seen.push(event.event === 'end' ? `end ${event.state}` : event.event);
      }
      expect(seen.at(-1)).toBe('end canceled');
    });

    test('the header of an event source asks for events as well', async () => {
      const id = await ended('Slow');
      const answer = await call(door.url, `/api/runs/${id}/logs`, { headers: { Accept: 'text/event-stream' } });
      expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      // One that breaks off says when to come back.
      expect(answer.text).toMatch(door.isRough === true ? /^event: end$|^retry: \d+$/m : /^event: end$/m);
    });
  });
}
