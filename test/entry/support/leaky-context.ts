import { metrics, trace } from '@opentelemetry/api';

import type { Context } from '../../../src/core/context.ts';
import type { ExchangePlan } from '../../../src/core/ports/artifact-store.ts';
import { StartRefused, type RunnerSpec } from '../../../src/core/ports/runner-driver.ts';
import type { RunRecord } from '../../../src/core/run-record.ts';
import { canary, type Scan } from './leak-scan.ts';

/** For each scan an Errand that lets secrets out there. */
export const leaks: Record<Scan, (context: Context) => Context> = {
  'bodies of Resource Manager': (context) => withCreate(context, (spec) => opened(spec)),

  'our own log': (context) =>
    withCreate(context, (spec) => {
      context.logger.debug({ spec }, 'a container is created');
      return spec;
    }),

  errors: (context) =>
    withCreate(context, (spec) => {
      if (spec.taskName !== 'Broken') return spec;
      throw new StartRefused('startError', JSON.stringify(spec.access), { permanent: true });
    }),

  'logs of runs': (context) => withPlan(context, async (plan) => ({ ...plan, secretNames: [] })),

  'blobs at rest': (context) =>
    withPlan(context, async (plan) => {
      await context.artifacts.put('plan.txt', Buffer.from(JSON.stringify(plan)));
      return plan;
    }),

  'messages of the queue': (context) => {
    const { queue } = context;
    return {
      ...context,
      queue: {
        ...queue,
        schedule: async (wakeUp, at, options) => {
          await queue.schedule({ ...wakeUp, wakeId: canary }, at, options);
          return queue.schedule(wakeUp, at, options);
        },
      },
    };
  },

  'tables at rest': (context) => {
    const { storage } = context;
    return {
      ...context,
      storage: { ...storage, updateRun: (run, options) => storage.updateRun(labeled(run), options) },
    };
  },

  spans: (context) =>
    withCreate(context, (spec) => {
      trace.getActiveSpan()?.setAttribute('spec', JSON.stringify(spec.access));
      return spec;
    }),

  metrics: (context) => {
    const created = metrics.getMeter('leak').createCounter('created');
    return withCreate(context, (spec) => {
      created.add(1, { spec: JSON.stringify(spec.access) });
      return spec;
    });
  },

  'answers of the API': (context) => {
    const { storage } = context;
    const listRuns: typeof storage.listRuns = async (filter, page) => {
      const found = await storage.listRuns(filter, page);
      return { ...found, runs: found.runs.map((run) => ({ ...run, labels: { leaked: canary } })) };
    };
    return { ...context, storage: { ...storage, listRuns } };
  },
};

function labeled(run: RunRecord): RunRecord {
  return { ...run, labels: { leaked: canary } };
}

function opened(spec: RunnerSpec): RunnerSpec {
  if (spec.access.kind !== 'signedUrls') return spec;
  const { plain, secure } = spec.access;
  return { ...spec, access: { kind: 'signedUrls', plain: { ...plain, ...secure }, secure: {} } };
}

function withCreate(context: Context, change: (spec: RunnerSpec) => RunnerSpec): Context {
  const { driver } = context;
  return {
    ...context,
    driver: { ...driver, create: async (spec, options) => driver.create(change(spec), options) },
  };
}

function withPlan(context: Context, change: (plan: ExchangePlan) => Promise<ExchangePlan>): Context {
  const { artifacts } = context;
  return {
    ...context,
    artifacts: {
      ...artifacts,
      exchange: (ref) => {
        const exchange = artifacts.exchange(ref);
        return { ...exchange, open: async (plan, options) => exchange.open(await change(plan), options) };
      },
    },
  };
}
