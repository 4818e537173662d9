import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { definitions } from '../../src/core/definitions.ts';
import type { ArtifactStore } from '../../src/core/ports/artifact-store.ts';
import { startErrand } from './support/errand.ts';
import { originalDocument } from './support/records.ts';

const document = (changes: object = {}) => ({
  taskName: 'T',
  dockerImage: 'demo:local',
  scriptName: 't.sh',
  ...changes,
});
const executable = Buffer.from('#!/bin/sh\n');

async function setUp() {
  const errand = await startErrand();
  const { artifacts, driver, clock } = errand.process.context;
  return { errand, artifacts, tasks: definitions(artifacts, driver, clock) };
}

describe('a definition', () => {
  test('is stored after its executable, and loaded as it was written and as it is meant', async () => {
    const { errand, tasks } = await setUp();
    errand.calls.length = 0;
    const stored = await tasks.store('StopVM', originalDocument, executable, {});
    expect(errand.calls.filter((call) => call === 'artifacts.put')).toHaveLength(2);
    const loaded = await tasks.load('StopVM');
    expect(loaded.document).toEqual(originalDocument);
    expect(loaded).toEqual(stored);
    expect(loaded.definition.timeouts.runSeconds).toBe(3600);
  });

  test('that was put there by hand is found at the next look, though the last one is remembered', async () => {
    const { artifacts, tasks } = await setUp();
    await tasks.store('T', document(), executable, {});
    const first = await tasks.load('T');
    expect(await tasks.load('T')).toBe(first);
    await artifacts.put('T.json', Buffer.from(JSON.stringify(document({ description: 'by hand' }))));
    expect((await tasks.load('T')).definition.description).toBe('by hand');
    await artifacts.delete('T.json');
    await expect(tasks.load('T')).rejects.toMatchObject({ code: 'taskNotFound' });
  });

  test.each([
    ['no JSON', '{', 'invalidDefinition', 'not JSON'],
    ['no definition', '[]', 'invalidDefinition', 'not valid'],
    ['of another task', JSON.stringify(document({ taskName: 'Other' })), 'invalidDefinition', 'make them the same'],
  ])('that is %s is refused when it is used, and listed with its problem', async (_, text, code, message) => {
    const { artifacts, tasks } = await setUp();
    await artifacts.put('T.json', Buffer.from(text));
    await expect(tasks.load('T')).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await tasks.list()).toEqual([
      { taskName: 'Demo', enabled: true, valid: true },
      { taskName: 'T', enabled: false, valid: false, problem: expect.stringContaining(message) },
    ]);
  });

  test('that has been read is listed without being read again, until it is another', async () => {
    const { errand, artifacts, tasks } = await setUp();
    await tasks.store('T', document(), executable, {});
    await tasks.list();
    errand.calls.length = 0;
    await tasks.list();
    expect(errand.calls).not.toContain('artifacts.get');
    await artifacts.put('T.json', Buffer.from(JSON.stringify(document({ description: 'by hand' }))));
    expect(await tasks.list()).toContainEqual({ taskName: 'T', description: 'by hand', enabled: true, valid: true });
    expect(errand.calls.filter((call) => call === 'artifacts.get')).toHaveLength(1);
  });

  test('that goes while the tasks are listed is not among them', async () => {
    const { errand, artifacts, tasks } = await setUp();
    await tasks.store('T', document(), executable, {});
    const goingAway: typeof artifacts = {
      ...artifacts,
      get: async (name, options) => {
        if (name === 'T.json') await artifacts.delete(name);
        return artifacts.get(name, options);
      },
    };
    const others = definitions(goingAway, errand.process.context.driver, errand.process.context.clock);
    expect((await others.list()).map(({ taskName }) => taskName)).toEqual(['Demo']);
  });

  test.each(['../T', 'a/b', '', '.', '__proto__', 'constructor', 'T\0', 'T.json', 'x'.repeat(1000)])(
    '%j is the name of none',
    async (name) => {
      const { errand, tasks } = await setUp();
      errand.calls.length = 0;
      await expect(tasks.load(name)).rejects.toMatchObject({ code: 'taskNotFound' });
      await expect(tasks.remove(name, {})).rejects.toMatchObject({ code: 'taskNotFound' });
      if (name !== 'constructor') expect(errand.calls).toEqual([]);
    },
  );
});

describe('storing', () => {
  test.each([
    [document({ color: 'red' }), executable, 'invalidDefinition'],
    [document({ taskName: 'Other' }), executable, 'invalidDefinition'],
    [document({ resources: { cpu: 8 } }), executable, 'invalidDefinition'],
    [document({ scriptName: 'none.sh' }), undefined, 'executableMissing'],
  ])('%j changes nothing where it fails', async (given, bytes, code) => {
    const { errand, tasks } = await setUp();
    errand.calls.length = 0;
    await expect(tasks.store('T', given, bytes, {})).rejects.toMatchObject({ code });
    expect(errand.calls).not.toContain('artifacts.put');
  });

  test('over a version that one has not seen is refused', async () => {
    const { tasks } = await setUp();
    const { etag } = await tasks.store('T', document(), executable, {});
    await tasks.store('T', document({ description: 'two' }), undefined, { ifMatch: etag });
    await expect(
      tasks.store('T', document({ description: 'three' }), undefined, { ifMatch: etag }),
    ).rejects.toMatchObject({ code: 'preconditionFailed' });
    await expect(tasks.remove('T', { ifMatch: etag })).rejects.toMatchObject({ code: 'preconditionFailed' });
    expect((await tasks.load('T')).definition.description).toBe('two');
  });

  test('over a version that one has not seen leaves the executable alone, too', async () => {
    const { artifacts, tasks } = await setUp();
    const { etag } = await tasks.store('T', document(), executable, {});
    await tasks.store('T', document({ description: 'two' }), undefined, { ifMatch: etag });
    const late = tasks.store('T', document(), Buffer.from('#!/bin/sh\necho late\n'), { ifMatch: etag });
    await expect(late).rejects.toMatchObject({ code: 'preconditionFailed' });
    expect(await artifacts.get('t.sh')).toMatchObject({ body: executable });
  });

  test('is repeated by who did not get the answer, and has been done already', async () => {
    const { tasks } = await setUp();
    const { etag } = await tasks.store('T', document(), executable, {});
    const changed = document({ description: 'two' });
    const stored = await tasks.store('T', changed, executable, { ifMatch: etag });
    expect(await tasks.store('T', changed, executable, { ifMatch: etag })).toEqual(stored);
  });
});

describe('storing and removing at once', () => {
  test('in whatever order their calls come, no definition is left without its executable, and no push that brings one misses it', async () => {
    const { errand, artifacts } = await setUp();
    const { driver, clock } = errand.process.context;
    const action = fc.record({ taskName: fc.constantFrom('T', 'U'), removes: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(action, { maxLength: 2 }), async (scheduler, others) => {
        for (const name of ['T.json', 'U.json', 't.sh']) await artifacts.delete(name);
        await definitions(artifacts, driver, clock).store('T', document(), executable, {});
        const actions = [true, false].map((removes) => ({ taskName: 'T', removes })).concat(others);
        const tasks = definitions(inAnyOrder(artifacts, scheduler), driver, clock);
        const done = Promise.allSettled(
          actions.map(({ taskName, removes }) =>
            removes ? tasks.remove(taskName, {}) : tasks.store(taskName, document({ taskName }), executable, {}),
          ),
        );
        await scheduler.waitFor(done);
        for (const outcome of await done)
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'taskNotFound' });
        const named = await Promise.all(['T.json', 'U.json'].map((name) => artifacts.describe(name)));
        if (named.some((info) => info !== undefined)) expect(await artifacts.describe('t.sh')).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });

  test('a push of the definition alone is told where its executable went meanwhile', async () => {
    const { errand, artifacts, tasks } = await setUp();
    await tasks.store('T', document(), executable, {});
    const { driver, clock } = errand.process.context;
    const losing: ArtifactStore = {
      ...artifacts,
      put: async (name, body, options) => {
        const info = await artifacts.put(name, body, options);
        await artifacts.delete('t.sh');
        return info;
      },
    };
    const alone = definitions(losing, driver, clock).store('T', document({ description: 'two' }), undefined, {});
    await expect(alone).rejects.toMatchObject({
      code: 'executableMissing',
      message: expect.stringContaining('send it'),
    });
    await expect(definitions(losing, driver, clock).store('T', document(), executable, {})).rejects.toMatchObject({
      code: 'executableMissing',
      message: expect.stringContaining('again and again'),
    });
  });
});

/** The same files; what is asked of them happens when the scheduler says. */
function inAnyOrder(artifacts: ArtifactStore, scheduler: fc.Scheduler): ArtifactStore {
  return {
    ...artifacts,
    get: scheduler.scheduleFunction(artifacts.get),
    describe: scheduler.scheduleFunction(artifacts.describe),
    put: scheduler.scheduleFunction(artifacts.put),
    delete: scheduler.scheduleFunction(artifacts.delete),
    async *list(options) {
      await scheduler.schedule(Promise.resolve());
      yield* artifacts.list(options);
    },
  };
}

describe('removing', () => {
  test('takes the executable along, unless another definition names it', async () => {
    const { artifacts, tasks } = await setUp();
    await tasks.store('T', document(), executable, {});
    await tasks.store('U', document({ taskName: 'U' }), undefined, {});
    await tasks.remove('T', {});
    expect(await artifacts.describe('t.sh')).toBeDefined();
    await tasks.remove('U', {});
    expect(await artifacts.describe('t.sh')).toBeUndefined();
    await expect(tasks.remove('U', {})).rejects.toMatchObject({ code: 'taskNotFound' });
  });

  test('that was cut off before its versions were gone is done again by who did not get the answer', async () => {
    const { artifacts, tasks, errand } = await setUp();
    await tasks.store('T', document(), executable, {});
    let failures = 1;
    const { list } = artifacts.versions;
    const broken = definitions(
      {
        ...artifacts,
        versions: {
          ...artifacts.versions,
          list: (options) => {
            if (failures === 0) return list(options);
            failures -= 1;
            throw new Error('the store is away');
          },
        },
      },
      errand.process.context.driver,
      errand.process.context.clock,
    );
    await expect(broken.remove('T', {})).rejects.toThrow('the store is away');
    await broken.remove('T', {});
    expect(await tasks.versions.list('T')).toEqual([]);
    expect(await artifacts.describe('t.sh')).toBeUndefined();
  });

  test('takes an executable along that is larger than any that can be pushed, and does not read it', async () => {
    const { artifacts, tasks, errand } = await setUp();
    await tasks.store('T', document(), executable, {});
    const large: ArtifactStore = {
      ...artifacts,
      describe: async (name, options) => {
        const info = await artifacts.describe(name, options);
        return info === undefined ? undefined : { ...info, bytes: limits.executableBytes + 1 };
      },
      get: async (name, options) => {
        if (name === 't.sh') throw new Error('it was read');
        return artifacts.get(name, options);
      },
    };
    await definitions(large, errand.process.context.driver, errand.process.context.clock).remove('T', {});
    expect(await artifacts.describe('t.sh')).toBeUndefined();
  });

  test('works for what is no definition at all', async () => {
    const { artifacts, tasks } = await setUp();
    await artifacts.put('T.json', Buffer.from('{'));
    await tasks.remove('T', {});
    expect(await artifacts.describe('T.json')).toBeUndefined();
  });
});
