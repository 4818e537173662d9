import type { Problem } from '../contract/errors.ts';
import { priceListSchema, type PriceList, type Quote, type Receipt } from '../contract/cost.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import { fromInstant } from './clock.ts';
import listed from './prices.json' with { type: 'json' };
import type { AttemptRecord, RunRecord } from './run-record.ts';

/** The list that comes with Errand. */
export const listPrices: PriceList = priceListSchema.parse(listed);

type Sized = Pick<TaskDefinition, 'resources' | 'timeouts' | 'retry'>;

/** What a second of a container of this size costs. */
function perSecond({ resources }: Pick<TaskDefinition, 'resources'>, prices: PriceList): number {
  return resources.cpu * prices.perCpuSecond + resources.memoryInGB * prices.perGBSecond;
}

/** How long all attempts together may be paid for, in seconds: each from the pull of its image to the end of its grace. */
function longestSeconds({ timeouts, retry }: Sized): number {
  const { startSeconds, runSeconds, graceSeconds } = timeouts;
  return retry.maxAttempts * (startSeconds + runSeconds + graceSeconds);
}

/** What a run will cost: per minute, and at most. Attempts under which nothing was started, which do not count, come on top of that. */
export function quote(definition: Sized, prices: PriceList): Quote {
  const second = perSecond(definition, prices);
  return {
    currency: prices.currency,
    perMinute: rounded(60 * second),
    atMost: rounded(second * longestSeconds(definition)),
    prices: { asOf: prices.asOf, source: prices.source },
  };
}

/**
 * What a run has cost so far: from the acceptance of each container by the platform, right before the pull of its image, to the recorded end of the attempt, right
 * after the container's. Whole seconds, as they are billed. Undefined where nothing of it was on the platform of the list.
 */
export function receipt(run: Pick<RunRecord, 'attempts' | 'definition'>, prices: PriceList): Receipt | undefined {
  const seconds = run.attempts.filter((attempt) => attempt.platform === prices.platform).map(paidSeconds);
  if (seconds.length === 0) return undefined;
  const total = seconds.reduce((sum, each) => sum + each, 0);
  const { cpu, memoryInGB } = run.definition.resources;
  return {
    currency: prices.currency,
    amount: rounded(total * perSecond(run.definition, prices)),
    cpuSeconds: rounded(total * cpu),
    gbSeconds: rounded(total * memoryInGB),
    prices: { asOf: prices.asOf, source: prices.source },
  };
}

/** The run with its receipt, where an attempt of it has ended; the same object where nothing changes. */
export function withReceipt<R extends RunRecord>(run: R, prices: PriceList | undefined): R {
  const cost = prices === undefined ? undefined : receipt(run, prices);
  return cost === undefined || run.attempts.every(({ endedAt }) => endedAt === undefined) ? run : { ...run, cost };
}

/**
 * `runSeconds` that keep a run within `maxCost`, all its attempts together, in the currency of the list; never longer than the definition says. A problem
 * where not even a second is left, or nobody knows what the platform costs.
 */
export function secondsFor(
  maxCost: number,
  definition: Sized & Pick<TaskDefinition, 'taskName'>,
  prices: PriceList | undefined,
): { limit: { runSeconds: number } } | { problem: Problem } {
  const path = '/maxCost';
  if (prices === undefined)
    return {
      problem: { path, code: 'notAllowed', message: 'maxCost means nothing here: runs on this platform have no price' },
    };
  const { startSeconds, runSeconds, graceSeconds } = definition.timeouts;
  const each = maxCost / perSecond(definition, prices) / definition.retry.maxAttempts;
  const left = Math.floor(each + roundingSlack) - startSeconds - graceSeconds;
  if (left >= 1) return { limit: { runSeconds: Math.min(left, runSeconds) } };
  const minimum = rounded(
    perSecond(definition, prices) * definition.retry.maxAttempts * (startSeconds + graceSeconds + 1),
  );
  return {
    problem: {
      path,
      code: 'tooSmall',
      message: `maxCost leaves ${definition.taskName} no time to run: ${startSeconds} s to start and ${graceSeconds} s of grace alone may cost ${minimum} ${prices.currency}; shorten timeouts.startSeconds of this run, or raise maxCost`,
      allowed: { minimum },
    },
  };
}

/** Sums of decimal fractions are off by less than this many seconds. */
const roundingSlack = 1e-6;

function paidSeconds({ createdAt, endedAt, reason }: AttemptRecord): number {
  if (createdAt === undefined || endedAt === undefined) return 0;
  // Nothing was pulled.
  if (reason === 'noCapacity' || reason === 'imageUnavailable') return 0;
  return Math.max(0, Math.ceil((fromInstant(endedAt) - fromInstant(createdAt)) / 1000));
}

/** To a millionth: list prices have seven digits after the point, and binary fractions many more. */
function rounded(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
