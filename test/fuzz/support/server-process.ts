import { apiKeys, type ApiKeyEntry } from '../../../src/http/api-keys.ts';
import type { AppOptions } from '../../../src/http/app-options.ts';
import { amend } from '../../../src/core/amend.ts';
import { silentLogger, type Logger } from '../../../src/core/logger.ts';
import type { RunRecord } from '../../../src/core/run-record.ts';
import { isEnded } from '../../../src/core/view.ts';
import type { Delivery } from '../../../src/core/webhooks.ts';
import { closeOnSignal } from '../../../src/entry/server.ts';
import { checkPromise, describeBreach } from '../../promise/check-promise.ts';
import { serverHarness } from '../../http/support/server-harness.ts';
import { broken, type Variant } from './broken-servers.ts';
import { quickRunner } from './quick-runner.ts';
import { withStandIns } from './stand-ins.ts';

/** What the process is told in its first argument. */
export interface ServerSettings {
  directory: string;
  keys?: ApiKeyEntry[];
  variant?: Variant;
  headersMs?: number;
  bodyMs?: number;
}

/** What it answers when it is asked for `figures`. */
export interface ServerFigures {
  /** Bytes, after a collection of garbage. */
  rss: number;
  heapUsed: number;
  /** Bytes, the most that there ever was. */
  peakRss: number;
  /** The first errors of its log. */
  errors: string[];
  accepted: string[];
  /** Runs of schedules, which nobody was answered with, and of agents, who are answered in words. */
  others: string[];
  createdFor: string[];
}

/** A server in a process of its own. Tells its parent where it is, and then answers what its parent asks. */
const settings = JSON.parse(process.argv[2] ?? '{}') as ServerSettings;
const { directory, keys, variant, headersMs, bodyMs } = settings;
const errors: string[] = [];
const accepted = new Set<string>();
const others = new Set<string>();
const runner = quickRunner();

const logger: Logger = {
  ...silentLogger,
  error: (details, message) => {
    const cause = 'err' in details && details.err instanceof Error ? (details.err.stack ?? '') : '';
    if (errors.length < 20) errors.push(`${message} ${JSON.stringify(details)} ${cause}`);
  },
};

const counted = (options: AppOptions): AppOptions => {
  const { orchestrator } = options;
  return {
    ...options,
    orchestrator: {
      ...orchestrator,
      accept: async (request, asker) => noted(await orchestrator.accept(request, asker)),
      rerun: async (runId, request, asker) => noted(await orchestrator.rerun(runId, request, asker)),
    },
  };
};

function noted<T extends { run: RunRecord }>(answer: T): T {
  const { id, labels } = answer.run;
  (labels['via'] === 'mcp' ? others : accepted).add(id);
  return answer;
}

const { url, server, errand } = await serverHarness({
  directory,
  logger,
  decorate: (context) => withStandIns(context, runner.driver),
  replace: (options) => broken(variant, counted(options), runner.driver),
  app: {
    ...(keys === undefined ? {} : { keys: apiKeys(keys) }),
    ...(bodyMs === undefined ? {} : { bodyMs }),
  },
  ...(headersMs === undefined ? {} : { server: { headersMs } }),
});
closeOnSignal(server, silentLogger);
errand.orchestrator.schedules.onFiring(({ runId }, created) => {
  if (created && runId !== undefined) others.add(runId);
});

async function figures(): Promise<ServerFigures> {
  // Twice, since what the first collection finalizes is freed by the second.
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const peakRss = process.resourceUsage().maxRSS * 1024;
  return {
    rss,
    heapUsed,
    peakRss,
    errors,
    accepted: [...accepted],
    others: [...others],
    createdFor: [...runner.createdFor],
  };
}

/** A container that its definition keeps for days is not waited for, nor a webhook whose secret may be there some time. */
function waitedForNoLonger(run: RunRecord): RunRecord | undefined {
  const { retention } = run.definition;
  const isKept = retention.succeededSeconds + retention.failedSeconds > 0;
  const isTried = run.webhooks?.some(({ state, attempts }) => state === 'pending' && attempts > 0) ?? false;
  if (!isEnded(run) || !(isKept || isTried)) return undefined;
  return {
    ...run,
    definition: { ...run.definition, retention: { succeededSeconds: 0, failedSeconds: 0 } },
    ...(run.webhooks === undefined ? {} : { webhooks: run.webhooks.map(givenUp) }),
  };
}

function givenUp(delivery: Delivery): Delivery {
  return delivery.state === 'pending' && delivery.attempts > 0 ? { ...delivery, state: 'dead' } : delivery;
}

/** Ends all that is open, and holds what is then there against the promise. */
async function settled(): Promise<string[]> {
  const { orchestrator, context } = errand;
  const { schedules } = orchestrator;
  for (const { name } of await schedules.list({ limit: 1_000 })) await schedules.remove(name, {});
  const until = performance.now() + 60_000;
  for (;;) {
    const open = await context.storage.openRuns({ limit: 1_000 });
    const [first] = open;
    if (first === undefined) break;
    if (performance.now() > until)
      return [`${open.length} runs are still open: ${JSON.stringify(await context.storage.getRun(first.id))}`];
    for (const { id } of open) {
      await amend(context.storage, id, context.newId, waitedForNoLonger);
      await orchestrator.cancel(id, 'the test');
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { storage, artifacts } = context;
  const acceptances = [...accepted, ...others].map((runId) => ({ runId }));
  return (await checkPromise({ storage, artifacts, acceptances, left: runner.left() })).map(describeBreach);
}

process.on('message', (message) => {
  const answer = message === 'settle' ? settled() : figures();
  answer.then(
    (value) => process.send?.({ asked: message, value }),
    (error: unknown) => process.send?.({ asked: message, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url });
