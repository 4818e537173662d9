import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicFactory } from 'ulid';
import type { TaskDefinitionDocument } from '../../../src/contract/task-definition.ts';
import { filesystemArtifacts } from '../../../src/artifacts/filesystem.ts';
import type { Context } from '../../../src/core/context.ts';
import { silentLogger, type Logger } from '../../../src/core/logger.ts';
import type { Policy } from '../../../src/core/policy.ts';
import type { ArtifactStore, Exchange } from '../../../src/core/ports/artifact-store.ts';
import type { WebhookAnswer, WebhookMessage, WebhookSender } from '../../../src/core/ports/webhook-sender.ts';
import type { RunRecord } from '../../../src/core/run-record.ts';
import { sealer } from '../../../src/core/seal.ts';
import { timerQueue } from '../../../src/queues/timer.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { manualClock, type ManualClock } from '../../support/manual-clock.ts';
import { scriptedPlatform, type ScriptedPlatform } from '../../support/scripted-runner.ts';
import { policy as usualPolicy, t0 } from './records.ts';

/** One process of Errand: what it calls is counted and written down, and it can die between two calls. */
export interface Process {
  context: Context;
  /** From now on none of its calls ever comes back. */
  kill(): void;
  isKilled(): boolean;
  /** Resolves when it was killed. */
  killed: Promise<void>;
}

export interface Installation {
  directory: string;
  clock: ManualClock;
  platform: ScriptedPlatform;
  /** Calls of all ports in their order: `storage.createRun`, `queue.schedule` … */
  calls: string[];
  /** Every version of every record, as it was stored. */
  history: RunRecord[];
  /** What was logged as a warning or an error. */
  logged: string[];
  /** Answers webhooks, and keeps what was sent; where a test does not say otherwise, all is well. */
  receivers: WebhookSender & { sent: WebhookMessage[]; answer: (message: WebhookMessage) => WebhookAnswer };
  /** Throws from a call that is about to be made, where it is set. */
  fail: ((call: string, args: readonly unknown[]) => void) | undefined;
  start(changes?: Partial<Policy>): Promise<Process>;
  /** Resolves when no call is under way and none follows. */
  settle(): Promise<void>;
  advance(ms: number): Promise<void>;
  push(document: Partial<TaskDefinitionDocument> & { taskName: string }): Promise<void>;
  dispose(): Promise<void>;
}

/** On the real SQLite storage, the real directories and the real timer queue; only time and platform are scripted. */
export async function installation(): Promise<Installation> {
  // Every write is synced, which memory does faster than a disk.
  const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'errand-core-'));
  const clock = manualClock(t0);
  const platform = scriptedPlatform(clock);
  const storage = sqliteStorage({ path: join(directory, 'errand.db'), clock });
  const artifacts = withoutWatch(filesystemArtifacts({ directory: join(directory, 'artifacts'), clock }));
  const ulid = monotonicFactory();
  const open: Context[] = [];
  const key = Buffer.alloc(32, 7);
  let underWay = 0;

  const note =
    (level: string) =>
    (details: object, message: string): void =>
      void self.logged.push(`${level} ${message}${'err' in details ? `: ${String(details.err)}` : ''}`);
  const logger: Logger = { ...silentLogger, warn: note('warn'), error: note('error') };

  /** The port with its calls written down, counted, and under the control of `gate`. */
  function seen<T extends object>(
    port: T,
    name: string,
    { direct = [], lists = [] }: { direct?: readonly string[]; lists?: readonly string[] },
    gate: { dead: boolean },
  ): T {
    return new Proxy(port, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function' || typeof property !== 'string') return value;
        const call = `${name}.${property}`;
        if (property === 'exchange')
          return (ref: unknown) => seen(value.call(target, ref) as Exchange, 'exchange', { direct: ['watch'] }, gate);
        if (direct.includes(property))
          return (...args: unknown[]) => (written(call), value.apply(target, args) as unknown);
        if (lists.includes(property))
          return (...args: unknown[]) => (
            written(call),
            listed(value.apply(target, args) as AsyncIterable<unknown>, gate)
          );
        return async (...args: unknown[]) => {
          if (gate.dead) return never();
          written(call);
          return counted(gate, async () => {
            self.fail?.(call, args);
            const answer: unknown = await value.apply(target, args);
            if (answer === true && (property === 'createRun' || property === 'updateRun'))
              self.history.push(args[0] as RunRecord);
            return answer;
          });
        };
      },
    });
  }

  /** Under way until it has an answer, which a process that is dead by then never gets. */
  async function counted<T>(gate: { dead: boolean }, call: () => Promise<T>): Promise<T> {
    underWay += 1;
    try {
      const answer = await call();
      if (!gate.dead) return answer;
    } catch (error) {
      if (!gate.dead) throw error;
    } finally {
      underWay -= 1;
    }
    return never();
  }

  /** Each step of a listing reads a directory, and time stands still until it has. */
  async function* listed(items: AsyncIterable<unknown>, gate: { dead: boolean }): AsyncGenerator {
    const iterator = items[Symbol.asyncIterator]();
    for (;;) {
      const step = await counted(gate, () => iterator.next());
      if (step.done === true) return;
      yield step.value;
    }
  }

  function written(call: string): void {
    self.calls.push(call);
  }

  /** A call of a dead process: it does not count as under way. */
  async function never(): Promise<never> {
    return new Promise(() => undefined);
  }

  const self: Installation = {
    directory,
    clock,
    platform,
    calls: [],
    history: [],
    logged: [],
    receivers: {
      sent: [],
      answer: () => ({ kind: 'answered', status: 204 }),
      send: async (message) => {
        self.receivers.sent.push(message);
        return self.receivers.answer(message);
      },
    },
    fail: undefined,

    start: async (changes = {}) => {
      const gate = { dead: false };
      const { promise: killed, resolve } = Promise.withResolvers<void>();
      const context: Context = {
        storage: seen(storage, 'storage', {}, gate),
        artifacts: seen(artifacts, 'artifacts', { lists: ['list', 'listRuns'] }, gate),
        queue: seen(timerQueue({ clock, logger: silentLogger }), 'queue', { direct: ['consume'] }, gate),
        driver: seen(platform.driver, 'driver', { direct: ['watch'], lists: ['list'] }, gate),
        clock,
        logger,
        policy: { ...usualPolicy, ...changes },
        sealer: sealer(key),
        readSecret: () => Promise.reject(new Error('no secrets here')),
        webhooks: { sender: seen(self.receivers, 'webhooks', {}, gate), rules: { internal: [] } },
        instanceId: await storage.instanceId(),
        owner: `process-${open.length}`,
        namePrefix: 'errand',
        newId: () => ulid(clock.now()).toLowerCase(),
        random: () => 0.5,
      };
      open.push(context);
      return {
        context,
        kill: () => {
          gate.dead = true;
          resolve();
        },
        isKilled: () => gate.dead,
        killed,
      };
    },

    settle: async () => {
      for (let quiet = 0; quiet < 8; quiet += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        if (underWay > platform.hanging) quiet = 0;
      }
    },

    advance: (ms) => clock.advance(ms, self.settle),

    push: async (document) => {
      const whole = { dockerImage: 'demo:local', scriptName: 'demo.sh', ...document };
      await artifacts.put('demo.sh', Buffer.from('#!/bin/sh\n'));
      await artifacts.put(`${document.taskName}.json`, Buffer.from(JSON.stringify(whole)));
    },

    dispose: async () => {
      await storage.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return self;
}

/** Without watching the exchange: a file event comes when the kernel likes, and a scripted run is to be the same each time. */
function withoutWatch(artifacts: ArtifactStore): ArtifactStore {
  return {
    ...artifacts,
    exchange: (ref) => ({
      ...artifacts.exchange(ref),
      async *watch(_, { signal }) {
        yield;
        if (!signal.aborted)
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
    }),
  };
}
