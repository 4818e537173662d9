import { createHash } from 'node:crypto';
import type { ArtifactInfo, ArtifactStore } from '../core/ports/artifact-store.ts';
import { exchangeConformance } from './exchange-conformance.ts';
import { bytesOf, openSample, sampleAttempt, textOf, type ArtifactStoreHarness } from './sample-exchange.ts';
import { sampleRunId } from './sample-run.ts';
import { withFresh, type TestApi } from './test-api.ts';

/** What every artifact store has to keep; the contract is the port's. */
export function artifactStoreConformance(
  api: TestApi,
  name: string,
  makeHarness: () => Promise<ArtifactStoreHarness>,
): void {
  const { describe, test, expect } = api;
  const fresh = withFresh(makeHarness);
  const listed = async (store: ArtifactStore): Promise<ArtifactInfo[]> => {
    const found: ArtifactInfo[] = [];
    for await (const info of store.list()) found.push(info);
    return found;
  };

  describe(`${name} as an artifact store`, () => {
    test(
      'gives back what was put, byte for byte',
      fresh(async ({ store, second }) => {
        expect(await store.get('a.json')).toBeUndefined();
        expect(await store.describe('a.json')).toBeUndefined();
        expect(await listed(store)).toEqual([]);
        const body = Uint8Array.from({ length: 70_000 }, (_, n) => n % 256);
        const put = await store.put('a.json', body);
        const got = await second.get('a.json');
        expect(got).toMatchObject({ unchanged: false, info: put });
        expect(got?.unchanged === false && Buffer.compare(got.body, body)).toBe(0);
        expect(await second.describe('a.json')).toEqual({
          ...(put as ArtifactInfo),
          sha256: createHash('sha256').update(body).digest('hex'),
        });
        await store.put('b.sh', new Uint8Array());
        expect((await listed(store)).map((info) => [info.name, info.bytes])).toEqual([
          ['a.json', 70_000],
          ['b.sh', 0],
        ]);
        await store.check();
      }),
    );

    test(
      'tells by its ETag whether a file has changed',
      fresh(async ({ store, second }) => {
        const etags: string[] = [];
        for (const text of ['one', 'two', 'thr']) {
          const info = await store.put('a.json', bytesOf(text));
          if (info !== false) etags.push(info.etag);
        }
        expect(new Set(etags).size).toBe(3);
        expect(await second.get('a.json', { ifNoneMatch: etags[2] })).toMatchObject({
          unchanged: true,
          info: { etag: etags[2], bytes: 3 },
        });
        expect(await second.get('a.json', { ifNoneMatch: etags[0] })).toMatchObject({
          unchanged: false,
          info: { etag: etags[2] },
        });
      }),
    );

    test(
      'writes and deletes on condition',
      fresh(async ({ store, second }) => {
        expect(await store.put('a.json', bytesOf('x'), { ifMatch: 'none' })).toBe(false);
        const first = await store.put('a.json', bytesOf('one'), { ifNoneMatch: '*' });
        if (first === false) throw new Error('the file was there already');
        expect(await second.put('a.json', bytesOf('two'), { ifNoneMatch: '*' })).toBe(false);
        expect(await second.put('a.json', bytesOf('two'), { ifMatch: `${first.etag}x` })).toBe(false);
        const next = await second.put('a.json', bytesOf('two'), { ifMatch: first.etag });
        expect(next).not.toBe(false);
        expect(await store.delete('a.json', { ifMatch: first.etag })).toBe(false);
        expect(textOf(await bodyOf(store, 'a.json'))).toBe('two');
        expect(await store.delete('a.json', { ifMatch: next === false ? '' : next.etag })).toBe(true);
        expect(await store.delete('a.json')).toBe(true);
        expect(await second.get('a.json')).toBeUndefined();
      }),
    );

    test(
      'keeps conditions among many at once',
      fresh(async ({ store, second }) => {
        const of = (number: number): ArtifactStore => (number % 2 === 0 ? store : second);
        const numbers = Array.from({ length: 20 }, (_, number) => number);
        const created = await Promise.all(numbers.map((n) => of(n).put('new', bytesOf(`${n}`), { ifNoneMatch: '*' })));
        expect(created.filter((info) => info !== false)).toHaveLength(1);
        expect(textOf(await bodyOf(store, 'new'))).toBe(`${created.findIndex((info) => info !== false)}`);
        await store.put('count', bytesOf(''));
        const add = async (number: number): Promise<void> => {
          for (;;) {
            const got = await of(number).get('count');
            if (got === undefined || got.unchanged) throw new Error('the file is gone');
            if (await of(number).put('count', bytesOf(`${textOf(got.body)}x`), { ifMatch: got.info.etag })) return;
          }
        };
        await Promise.all(numbers.map(add));
        expect(textOf(await bodyOf(second, 'count'))).toBe('x'.repeat(20));
      }),
    );

    test(
      'knows no name that is more than one plain segment',
      fresh(async ({ store }) => {
        await store.put('a.json', bytesOf('x'));
        const names = [
          '',
          '.',
          '..',
          '../a.json',
          './a.json',
          'a.json/',
          '/a.json',
          'x/../a.json',
          '..%2fa.json',
          'a.json\0',
          'a b',
          '-rf',
          '.hidden',
          'ä',
          'a\n',
          '\\a',
          'a'.repeat(200),
        ];
        for (const bad of names) {
          expect(await store.get(bad)).toBeUndefined();
          expect(await store.describe(bad)).toBeUndefined();
          expect(await store.delete(bad)).toBe(true);
          await expect(store.put(bad, bytesOf('x'))).rejects.toMatchObject({ code: 'invalidDefinition' });
        }
        expect((await listed(store)).map((info) => info.name)).toEqual(['a.json']);
      }),
    );

    test(
      'keeps versions apart from what people see, with the same rules',
      fresh(async ({ store, second }) => {
        await store.put('T.json', bytesOf('now'));
        await store.versions.put('T.1.json', bytesOf('then'));
        await store.versions.put('T.1.executable', bytesOf('#!'));
        await store.versions.put('TT.1.json', bytesOf('another'));
        expect((await listed(second)).map((info) => info.name)).toEqual(['T.json']);
        const kept: string[] = [];
        for await (const { name: each } of second.versions.list({ prefix: 'T.' })) kept.push(each);
        expect(kept).toEqual(['T.1.executable', 'T.1.json']);
        expect(await second.versions.get('T.json')).toBeUndefined();
        const got = await second.versions.get('T.1.json');
        expect(got?.unchanged === false && textOf(got.body)).toBe('then');
        expect(await store.versions.put('T.1.json', bytesOf('x'), { ifNoneMatch: '*' })).toBe(false);
        await store.versions.delete('T.1.json');
        expect(await second.versions.describe('T.1.json')).toBeUndefined();
        expect(await second.describe('T.json')).toMatchObject({ bytes: 3 });
      }),
    );

    test(
      'forgets a run without a trace, and knows which runs it has',
      fresh(async ({ store, second, runner }) => {
        const runs = async (): Promise<string[]> => {
          const found: string[] = [];
          for await (const id of second.listRuns()) found.push(id);
          return found;
        };
        expect(await runs()).toEqual([]);
        for (const number of [2, 1]) {
          const access = await openSample(store, sampleAttempt(number));
          await runner(access).log('line\n');
        }
        await store.exchange(sampleAttempt(1)).collect(undefined);
        await store.exchange(sampleAttempt(1)).discard();
        expect(await runs()).toEqual([1, 2].map(sampleRunId));
        await store.deleteRun(sampleRunId(1));
        await store.deleteRun(sampleRunId(1));
        expect(await runs()).toEqual([sampleRunId(2)]);
        expect(await store.exchange(sampleAttempt(1)).readLog({ offset: 0, length: 9 })).toBeUndefined();
        expect(textOf((await store.exchange(sampleAttempt(2)).readLog({ offset: 0, length: 9 }))?.bytes)).toBe(
          'line\n',
        );
      }),
    );

    exchangeConformance(api, fresh);
  });
}

async function bodyOf(store: ArtifactStore, name: string): Promise<Uint8Array | undefined> {
  const got = await store.get(name);
  return got === undefined || got.unchanged ? undefined : got.body;
}
