import { terminalStates, type RunState, type TerminalState } from '../contract/run.ts';
import { instant } from '../core/clock.ts';
import type { RunFilter, Storage } from '../core/ports/storage.ts';
import type { RunRecord } from '../core/run-record.ts';
import { reservationConformance } from './reservation-conformance.ts';
import { sampleEnded, sampleEpoch, sampleRun, sampleRunId } from './sample-run.ts';
import { scheduleConformance } from './schedule-conformance.ts';
import { slotConformance } from './slot-conformance.ts';
import { withFresh, type PropertyTestApi } from './test-api.ts';

export interface StorageHarness {
  /** Empty. */
  storage: Storage;
  /** Another one on the same data, as a second process has it. */
  second: Storage;
  dispose(): Promise<void>;
}

/** One write of a sample run, as the model of the indexes knows it. */
interface Step {
  run: number;
  open: boolean;
  ended: number | null;
  wake: number;
  label: string;
}

const at = (seconds: number): string => instant(sampleEpoch + seconds * 1000);

/** What every storage has to keep; the contract is the port's. */
export function storageConformance(
  api: PropertyTestApi,
  name: string,
  makeHarness: () => Promise<StorageHarness>,
  { propertyRuns = 25 }: { propertyRuns?: number } = {},
): void {
  const { describe, test, expect, fc } = api;
  const fresh = withFresh(makeHarness);

  describe(`${name} as a storage`, () => {
    test(
      'is one installation, whoever asks',
      fresh(async ({ storage, second }) => {
        const ids = await Promise.all([storage.instanceId(), second.instanceId(), storage.instanceId()]);
        expect(new Set(ids).size).toBe(1);
        expect(ids[0]).toMatch(/^[a-z0-9]{8,32}$/);
        await storage.check();
      }),
    );

    test(
      'stores a record as it is, and only where the id is free',
      fresh(async ({ storage, second }) => {
        const run = sampleRun(1, { labels: { team: 'ops', 'a/b.c': '%_"\'' } });
        expect(await storage.getRun(run.id)).toBeUndefined();
        expect(await storage.createRun(run)).toBe(true);
        expect(await second.createRun({ ...run, operationId: 'other' })).toBe(false);
        expect(await second.getRun(run.id)).toEqual(run);
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            (n % 2 === 0 ? storage : second).createRun({ ...sampleRun(2), operationId: `by ${n}` }),
          ),
        );
        expect(answers.filter(Boolean)).toHaveLength(1);
        expect((await storage.getRun(sampleRunId(2)))?.operationId).toBe(`by ${answers.indexOf(true)}`);
      }),
    );

    test(
      'replaces only the version before',
      fresh(async ({ storage }) => {
        const run = sampleRun(1);
        expect(await storage.updateRun({ ...run, version: 2 })).toBe(false);
        await storage.createRun(run);
        const ended = sampleEnded(run);
        expect(await storage.updateRun({ ...ended, version: 3 })).toBe(false);
        expect(await storage.updateRun({ ...ended, version: 1 })).toBe(false);
        expect(await storage.updateRun(ended)).toBe(true);
        expect(await storage.updateRun({ ...ended, operationId: 'late' })).toBe(false);
        expect(await storage.getRun(run.id)).toEqual(ended);
        await storage.deleteRun(run.id);
        expect(await storage.updateRun({ ...ended, version: 3 })).toBe(false);
        expect(await storage.getRun(run.id)).toBeUndefined();
      }),
    );

    test(
      'loses no write of 50 writers at once',
      fresh(async ({ storage, second }) => {
        const first = sampleRun(1);
        await storage.createRun(first);
        const write = async (number: number): Promise<void> => {
          const mine = number % 2 === 0 ? storage : second;
          for (;;) {
            const run = await mine.getRun(first.id);
            if (run?.state !== 'queued') throw new Error('the record is gone');
            const slots = [...run.slots, { key: `writer ${number}`, limit: 1 }];
            if (await mine.updateRun({ ...run, version: run.version + 1, operationId: `${number}`, slots })) return;
          }
        };
        await Promise.all(Array.from({ length: 50 }, (_, number) => write(number)));
        const run = await storage.getRun(first.id);
        expect(run?.version).toBe(51);
        expect(new Set(run?.slots.map(({ key }) => key)).size).toBe(50);
      }),
    );

    test(
      'lists what a filter asks for, newest first, in pages',
      fresh(async ({ storage, second }) => {
        const tasks = ['StopVM', 'StartVM'];
        const spec = fc.record({
          task: fc.constantFrom(...tasks),
          state: fc.constantFrom<('queued' | TerminalState)[]>('queued', ...terminalStates),
          labels: fc.dictionary(fc.constantFrom('team', 'env'), fc.constantFrom('a', 'b'), { maxKeys: 2 }),
        });
        const filters = fc.record(
          {
            taskName: fc.constantFrom(...tasks, 'Other'),
            states: fc.uniqueArray(fc.constantFrom<RunState[]>('queued', 'running', ...terminalStates), {
              maxLength: 4,
            }),
            labels: fc.dictionary(fc.constantFrom('team', 'env'), fc.constantFrom('a', 'b'), { maxKeys: 2 }),
            since: fc.integer({ min: 0, max: 14 }).map(at),
          },
          { requiredKeys: [] },
        );
        await fc.assert(
          fc.asyncProperty(
            fc.array(spec, { maxLength: 14 }),
            filters,
            fc.integer({ min: 1, max: 6 }),
            async (specs, filter, limit) => {
              const runs = specs.map(({ task, state, labels }, number): RunRecord => {
                const run = sampleRun(number, { taskName: task, labels });
                return state === 'queued' ? run : { ...sampleEnded(run, { state }), version: 1 };
              });
              for (const run of runs) await storage.createRun(run);
              const listed: RunRecord[] = [];
              for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
                const page = await second.listRuns(filter, { limit, cursor });
                expect(page.runs.length).toBeLessThanOrEqual(limit);
                listed.push(...page.runs);
                cursor = page.cursor;
              }
              for (const run of runs) await storage.deleteRun(run.id);
              expect(listed).toEqual(runs.filter((run) => matches(run, filter)).toReversed());
              expect((await storage.listRuns({}, { limit: 1 })).runs).toEqual([]);
            },
          ),
          { numRuns: propertyRuns },
        );
      }),
    );

    test(
      'pages on while runs are added, and refuses a cursor that it did not give',
      fresh(async ({ storage }) => {
        for (let number = 0; number < 4; number += 1) await storage.createRun(sampleRun(number));
        const { runs, cursor } = await storage.listRuns({}, { limit: 2 });
        await storage.createRun(sampleRun(9));
        const rest = await storage.listRuns({}, { limit: 2, cursor });
        expect([...runs, ...rest.runs].map(({ id }) => id)).toEqual([3, 2, 1, 0].map(sampleRunId));
        expect(rest.cursor).toBeUndefined();
        for (const forged of ['', 'x', '../..', 'a'.repeat(500)]) {
          await expect(storage.listRuns({}, { limit: 2, cursor: forged })).rejects.toMatchObject({
            code: 'invalidRequest',
          });
        }
      }),
    );

    test(
      'follows each record in the indexes of open and ended runs, and in the labels',
      fresh(async ({ storage }) => {
        const step = fc.record<Step>({
          run: fc.integer({ min: 0, max: 3 }),
          open: fc.boolean(),
          ended: fc.option(fc.integer({ min: 0, max: 9 })),
          wake: fc.integer({ min: 0, max: 9 }),
          label: fc.constantFrom('a', 'b'),
        });
        const write = (stored: RunRecord | undefined, { run, open, ended, wake, label }: Step): RunRecord => {
          const changes = { open, wakeAt: at(wake), labels: { step: label }, version: (stored?.version ?? 0) + 1 };
          const base = sampleRun(run);
          return ended === null ? { ...base, ...changes } : { ...sampleEnded(base), endedAt: at(ended), ...changes };
        };
        await fc.assert(
          fc.asyncProperty(
            fc.array(step, { maxLength: 12 }),
            fc.integer({ min: 0, max: 9 }),
            fc.integer({ min: 1, max: 4 }),
            async (steps, due, limit) => {
              const model = new Map<string, RunRecord>();
              for (const each of steps) {
                const next = write(model.get(sampleRunId(each.run)), each);
                expect(await (next.version === 1 ? storage.createRun(next) : storage.updateRun(next))).toBe(true);
                model.set(next.id, next);
              }
              const open = [...model.values()]
                .filter((run) => run.open)
                .toSorted((a, b) => (a.wakeAt + a.id < b.wakeAt + b.id ? -1 : 1));
              const wakes = open.map(({ id, wakeAt }) => ({ id, wakeAt }));
              expect(sorted(await storage.openRuns({ limit: 10 }))).toEqual(sorted(wakes));
              expect((await storage.openRuns({ limit })).map(({ wakeAt }) => wakeAt)).toEqual(
                wakes.slice(0, limit).map(({ wakeAt }) => wakeAt),
              );
              const dueRuns = wakes.filter(({ wakeAt }) => wakeAt <= at(due));
              expect(sorted(await storage.openRuns({ dueBefore: at(due), limit: 10 }))).toEqual(sorted(dueRuns));
              const counts: Partial<Record<RunState, number>> = {};
              for (const run of open) counts[run.state] = (counts[run.state] ?? 0) + 1;
              expect(await storage.countOpen()).toEqual(counts);
              const ended = [...model.values()].flatMap((run) =>
                'endedAt' in run && !run.open && run.endedAt < at(due) ? [run] : [],
              );
              const ids = await storage.endedRuns({ before: at(due), limit: 10 });
              expect(ids.toSorted()).toEqual(ended.map(({ id }) => id).toSorted());
              const times = ids.map((id) => ended.find((run) => run.id === id)?.endedAt);
              expect(times).toEqual(times.toSorted((a, b) => String(a).localeCompare(String(b))));
              expect(await storage.endedRuns({ before: at(due), limit })).toEqual(ids.slice(0, limit));
              const labeled = await storage.listRuns({ labels: { step: 'a' } }, { limit: 10 });
              expect(labeled.runs.map(({ id }) => id).toSorted()).toEqual(
                [...model.values()]
                  .filter((run) => run.labels['step'] === 'a')
                  .map(({ id }) => id)
                  .toSorted(),
              );
              for (const id of model.keys()) await storage.deleteRun(id);
            },
          ),
          { numRuns: propertyRuns },
        );
      }),
    );

    test(
      'gives a key to the first who claims it',
      fresh(async ({ storage, second }) => {
        const claim = (number: number) => ({ key: 'key', requestHash: `hash ${number}`, runId: sampleRunId(number) });
        expect(await storage.getKey('key')).toBeUndefined();
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? storage : second).claimKey(claim(n))),
        );
        expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
        const [winner] = answers;
        expect(await second.getKey('key')).toEqual(winner);
        expect(await storage.claimKey({ ...claim(99), key: 'another' })).toEqual({ ...claim(99), key: 'another' });
      }),
    );

    test(
      'removes a record with its key, and nothing else',
      fresh(async ({ storage }) => {
        for (const number of [1, 2]) {
          await storage.createRun(sampleRun(number, { labels: { team: 'ops' } }));
          await storage.claimKey({ key: `key ${number}`, requestHash: 'hash', runId: sampleRunId(number) });
        }
        await storage.deleteRun(sampleRunId(1));
        await storage.deleteRun(sampleRunId(1));
        await storage.deleteRun(sampleRunId(7));
        expect(await storage.getKey('key 1')).toBeUndefined();
        expect(await storage.getKey('key 2')).toMatchObject({ runId: sampleRunId(2) });
        expect((await storage.listRuns({ labels: { team: 'ops' } }, { limit: 5 })).runs.map(({ id }) => id)).toEqual([
          sampleRunId(2),
        ]);
        expect((await storage.openRuns({ limit: 5 })).map(({ id }) => id)).toEqual([sampleRunId(2)]);
      }),
    );

    test(
      'does nothing under a signal that was aborted before',
      fresh(async ({ storage }) => {
        const signal = AbortSignal.abort(new Error('changed my mind'));
        await expect(storage.createRun(sampleRun(1), { signal })).rejects.toThrow('changed my mind');
        await expect(storage.listRuns({}, { limit: 1 }, { signal })).rejects.toThrow('changed my mind');
        expect(await storage.getRun(sampleRunId(1))).toBeUndefined();
      }),
    );

    slotConformance(api, fresh, propertyRuns);
    reservationConformance(api, fresh);
    scheduleConformance(api, fresh);
  });
}

function matches(run: RunRecord, { taskName, states, labels = {}, since }: RunFilter): boolean {
  if (taskName !== undefined && run.taskName !== taskName) return false;
  if (states !== undefined && !states.includes(run.state)) return false;
  if (since !== undefined && run.createdAt < since) return false;
  return Object.entries(labels).every(([label, value]) => run.labels[label] === value);
}

function sorted<T extends { id: string }>(rows: readonly T[]): T[] {
  return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
