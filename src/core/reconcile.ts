import { ErrandError } from '../contract/errors.ts';
import { instant, fromInstant } from './clock.ts';
import { nextVersion } from './amend.ts';
import type { Context } from './context.ts';
import { containerName } from './context.ts';
import { choosePlace, reserveRemoval } from './choose-place.ts';
import { withReceipt } from './cost.ts';
import { createRunner } from './create-runner.ts';
import { nextClearing, waitDeadline } from './deadlines.ts';
import { decide, type Seen, type Step } from './decide.ts';
import { deliverWebhooks, hasDueWebhook } from './deliver-webhooks.ts';
import type { Exchange } from './ports/artifact-store.ts';
import {
  currentAttempt,
  nextAttemptNumber,
  type AttemptRecord,
  type EndedRun,
  type RunRecord,
  type StartingRun,
} from './run-record.ts';
import type { RunnerResult } from './runner-result.ts';
import { createSpan, stepSpan } from './run-spans.ts';
import { runIdOf, slotHolder, withoutSlots } from './slot-holder.ts';
import { transition, withAttempt, type RunEvent } from './transition.ts';
import { isEnded } from './view.ts';
import { nextDelivery, type Delivery } from './webhooks.ts';

/** What is left after the steps that could be taken. */
export type Outcome =
  /** Nothing more to do for good, or no such run. */
  | { done: true }
  /** Look again then (milliseconds since the epoch), or when an event comes. A wake-up is scheduled. */
  | { done: false; run: RunRecord; again: number };

export interface Reconciler {
  /**
   * Brings one run as far as it can go now. Idempotent, safe to call twice at the same time and to kill at any point. Throws where storage or artifact
   * store do not answer; the caller looks again later.
   */
  reconcile(runId: string): Promise<Outcome>;
}

export interface Hooks {
  /** An attempt was opened by us: create its container, in the background or not. The signal tells the work that nobody will wait for it. */
  create(run: StartingRun, work: (closing?: AbortSignal) => Promise<void>): Promise<void>;
  /** Somebody may go on now that a slot is free. What it returns is awaited. */
  wake(runId: string): unknown;
  /** This process has recorded the end of a run. Once per run, among all processes. */
  ended?(run: EndedRun): void;
  /** This process has recorded what came of an attempt to deliver a webhook. */
  delivered?(delivery: Delivery): void;
  /** Aborted where nobody will wait any longer for what is being sent. */
  closing?: AbortSignal | undefined;
  /** This process has recorded what an event made of the run. Once per event, among all processes. */
  moved?(before: RunRecord, after: RunRecord): void;
}

/** More steps than any run can take without waiting; beyond it two rules contradict each other. */
const maxSteps = 200;

/** What a step came to: the record as it now is, to be looked at again; or an end of this look. */
type Progress = { next: 'again' } | { next: 'stop'; outcome: Outcome };

export function reconciler(context: Context, hooks: Hooks): Reconciler {
  const { storage, artifacts, queue, driver, clock, logger, policy } = context;

  async function reconcile(runId: string): Promise<Outcome> {
    for (let steps = 0; steps < maxSteps; steps += 1) {
      const run = await storage.getRun(runId);
      if (run === undefined || !run.open) return { done: true };
      const progress = await stepSpan(run, async (taken) => {
        const step = await nextStep(run);
        taken(step.do);
        return perform(run, step);
      });
      if (progress.next === 'stop') return progress.outcome;
    }
    throw new ErrandError(
      'internal',
      `run ${runId} takes more than ${maxSteps} steps without waiting: please report this, with its record`,
      { runId },
    );
  }

  /** Looks at as much of the outside as the decision needs, and no more. */
  async function nextStep(run: RunRecord): Promise<Exclude<Step, { do: 'observe' | 'takeSlots' | 'takeFence' }>> {
    const exchange = exchangeOf(run);
    const seen: Seen = exchange === undefined ? {} : await readExchange(run, exchange);
    for (;;) {
      const step = decide(run, seen, clock.now(), policy, context.random());
      switch (step.do) {
        case 'observe':
          seen.container = await observe(run);
          if (exchange !== undefined) Object.assign(seen, await readExchange(run, exchange));
          break;
        case 'takeSlots':
          seen.slots = await takeSlots(run);
          break;
        case 'takeFence':
          seen.fence = (await exchange?.takeFence(step.fence))?.fence;
          break;
        default:
          return step;
      }
    }
  }

  async function perform(
    run: RunRecord,
    step: Exclude<Step, { do: 'observe' | 'takeSlots' | 'takeFence' }>,
  ): Promise<Progress> {
    switch (step.do) {
      case 'apply':
        await apply(run, step.event);
        return again;
      case 'openAttempt':
        return openAttempt(run);
      case 'settle':
        return settle(run, step);
      case 'stop':
        return stop(run, step.graceSeconds);
      case 'removeContainer':
        return step.attempt.containerGone ? clearExchange(run, step.attempt) : removeContainer(run, step.attempt);
      case 'releaseSlots':
        return releaseSlots(run, step);
      case 'deliver':
        return deliver(run);
      case 'close':
        await save(run, { ...run, open: false });
        return again;
      case 'wait':
        return wait(run, step);
    }
  }

  async function save(run: RunRecord, changed: RunRecord): Promise<RunRecord | undefined> {
    const next = nextVersion({ ...changed, version: run.version }, context.newId());
    return (await storage.updateRun(next)) ? next : undefined;
  }

  async function apply(run: RunRecord, event: RunEvent): Promise<RunRecord | undefined> {
    const next = transition(run, event, policy);
    if (next === undefined)
      throw new ErrandError('internal', `${event.type} cannot happen to a run that is ${run.state}`, { runId: run.id });
    const saved = await save(run, withReceipt(next, context.prices));
    if (saved !== undefined) hooks.moved?.(run, saved);
    if (saved !== undefined && isEnded(saved)) hooks.ended?.(saved);
    return saved;
  }

  function exchangeOf(run: RunRecord): Exchange | undefined {
    if (run.state !== 'starting' && run.state !== 'running') return undefined;
    return artifacts.exchange({ runId: run.id, attempt: currentAttempt(run).number });
  }

  async function readExchange(run: RunRecord, exchange: Exchange): Promise<Pick<Seen, 'fence' | 'result'>> {
    return run.state === 'running' ? { result: await exchange.result() } : { fence: await exchange.fence() };
  }

  async function observe(run: RunRecord): Promise<NonNullable<Seen['container']>> {
    const name = run.attempts.at(-1)?.containerName;
    if (name === undefined) return { state: 'absent' };
    return whileReachable(() => driver.observe(name));
  }

  async function takeSlots(run: RunRecord): Promise<NonNullable<Seen['slots']>> {
    const at = instant(clock.now());
    for (const { key, limit } of run.slots) {
      const { held, position } = await storage.takeSlot({ key, holder: slotHolder(run), limit, at });
      if (!held) return { held, blockedBy: key, position };
    }
    return { held: true };
  }

  /** The compare-and-swap decides who creates the container. Losers look again, and find the winner's lease. */
  async function openAttempt(run: RunRecord): Promise<Progress> {
    if (run.state !== 'queued') throw new ErrandError('internal', `a run that is ${run.state} opens no attempt`);
    const now = clock.now();
    const choice = run.place === undefined ? await choosePlace(context, run, now) : undefined;
    if (choice !== undefined && 'until' in choice) {
      const until = Math.min(choice.until, waitDeadline(run));
      return wait(run, { do: 'wait', until, waiting: { reason: 'capacity', message: choice.message } });
    }
    for (const waiter of choice?.freed ?? []) await hooks.wake(waiter);
    if (choice?.place !== undefined && choice.notBefore > now) {
      const place = { name: choice.place, notBefore: instant(choice.notBefore) };
      await save(run, { ...run, slots: choice.slots, place });
      return again;
    }
    const place = choice?.place ?? run.place?.name;
    const opened = await apply(choice === undefined ? run : { ...run, slots: choice.slots }, {
      type: 'attemptOpened',
      containerName: containerName(context.namePrefix, run.id, nextAttemptNumber(run)),
      platform: driver.name,
      ...(place === undefined ? {} : { region: place }),
      lease: { by: context.owner, until: instant(now + policy.leaseMs) },
      at: now,
    });
    if (opened?.state === 'starting') await hooks.create(opened, (closing) => createTraced(opened, closing));
    return again;
  }

  function createTraced(run: StartingRun, closing?: AbortSignal): Promise<void> {
    return createSpan(run, currentAttempt(run), (mine) => createRunner(context, run, closing, mine));
  }

  async function settle(run: RunRecord, step: Extract<Step, { do: 'settle' }>): Promise<Progress> {
    const result: RunnerResult | undefined = 'result' in step ? step.result : undefined;
    const collected = await exchangeOf(run)?.collect(result);
    if (collected === undefined)
      throw new ErrandError('internal', `a run that is ${run.state} cannot be settled`, { runId: run.id });
    const about = { collected, at: clock.now(), random: context.random() };
    await apply(
      run,
      'result' in step
        ? { type: 'finished', result: step.result, ...about }
        : { type: 'ended', ...step.lost, ...about },
    );
    return again;
  }

  async function stop(run: RunRecord, graceSeconds: number): Promise<Progress> {
    const { attempts, stop: mark } = run;
    const name = attempts.at(-1)?.containerName;
    if (mark === undefined || name === undefined)
      throw new ErrandError('internal', 'a run without a reason to stop cannot be stopped', { runId: run.id });
    const marked = await save(run, {
      ...run,
      stop: { ...mark, sentUntil: instant(clock.now() + graceSeconds * 1000 + policy.marginMs) },
    });
    if (marked === undefined) return again;
    const answer = await whileReachable(() => driver.stop(name, { graceSeconds }));
    return answer === 'unreachable'
      ? wait(marked, { do: 'wait', until: clock.now() + policy.safetyLookMs, stale: true })
      : again;
  }

  async function removeContainer(run: RunRecord, attempt: AttemptRecord): Promise<Progress> {
    const now = clock.now();
    const removeAt = attempt.removeAt === undefined ? await reserveRemoval(context, attempt.region, now) : now;
    if (removeAt > now) {
      await saveAttempt(run, { ...attempt, removeAt: instant(removeAt) });
      return again;
    }
    // A foreign container under our name is somebody else's to remove.
    const answer =
      attempt.reason === 'nameConflict' ? undefined : await whileReachable(() => driver.remove(attempt.containerName));
    if (answer === 'unreachable') {
      // A platform that is away keeps nobody from being told.
      if (hasDueWebhook(run, clock.now())) return deliver(run);
      const until = Math.min(clock.now() + policy.safetyLookMs, nextDelivery(run.webhooks) ?? Infinity);
      return wait(run, { do: 'wait', until, stale: true });
    }
    return clearExchange(run, attempt);
  }

  /** What cannot be removed, such as files of another user, keeps its run open and nothing else: neither slots nor who is to be told wait for it. */
  async function clearExchange(run: RunRecord, attempt: AttemptRecord): Promise<Progress> {
    const { clearAt: _, ...cleared } = { ...attempt, containerGone: true };
    try {
      await artifacts.exchange({ runId: run.id, attempt: attempt.number }).discard();
      await saveAttempt(run, cleared);
    } catch (error) {
      if (!(error instanceof ErrandError) || error.code !== 'artifactsUnavailable') throw error;
      const clearAt = instant(nextClearing(attempt, clock.now(), policy));
      const about = { runId: run.id, attempt: attempt.number, clearAt, err: error };
      logger.warn(about, 'what a runner has left of its exchange could not be removed; it is tried again');
      await saveAttempt(run, { ...cleared, clearAt });
    }
    return again;
  }

  async function deliver(run: RunRecord): Promise<Progress> {
    if (!isEnded(run)) throw new ErrandError('internal', `a run that is ${run.state} has nothing to tell yet`);
    // Nobody is told any more: what is due is sent by whoever starts next.
    const over: Progress = { next: 'stop', outcome: { done: false, run, again: fromInstant(run.wakeAt) } };
    if (hooks.closing?.aborted === true) return over;
    await deliverWebhooks(context, run, { ...hooks, save: (marked) => save(run, marked) });
    return again;
  }

  function saveAttempt(run: RunRecord, attempt: AttemptRecord): Promise<RunRecord | undefined> {
    return save(run, {
      ...run,
      attempts: run.attempts.map((each) => (each.number === attempt.number ? attempt : each)),
    });
  }

  async function releaseSlots(run: RunRecord, step: Extract<Step, { do: 'releaseSlots' }>): Promise<Progress> {
    const waiters: string[] = [];
    for (const { key } of step.slots) {
      const waiter = await storage.releaseSlot(key, slotHolder(run, step.term));
      if (waiter !== undefined && runIdOf(waiter) !== run.id) waiters.push(runIdOf(waiter));
    }
    // Before the record says that it is done: who is ended in between has it done again, and nobody waits for a wake-up that never came.
    for (const waiter of waiters) await hooks.wake(waiter);
    await save(run, withoutSlots(run, step));
    return again;
  }

  /** Makes sure that exactly one valid wake-up comes in time, and that the record says why the run waits. The wake-up is scheduled first: a record never promises one that does not exist. */
  async function wait(run: RunRecord, step: Extract<Step, { do: 'wait' }>): Promise<Progress> {
    const now = clock.now();
    const due = fromInstant(run.wakeAt);
    const changed = withReason(run, step, now);
    if (changed === run && due > now && due <= step.until)
      return { next: 'stop', outcome: { done: false, run, again: due } };
    const wakeId = context.newId();
    await queue.schedule({ runId: run.id, wakeId }, step.until);
    const saved = await save(run, { ...changed, wakeId, wakeAt: instant(step.until) });
    return saved === undefined ? again : { next: 'stop', outcome: { done: false, run: saved, again: step.until } };
  }

  return { reconcile };
}

const again: Progress = { next: 'again' };

/** The run with what keeps it waiting; the same object where that has not changed. */
function withReason(run: RunRecord, { waiting, stale, phase }: Extract<Step, { do: 'wait' }>, now: number): RunRecord {
  let changed = run;
  if (stale === true && run.staleSince === undefined) changed = { ...changed, staleSince: instant(now) };
  if (stale !== true && run.staleSince !== undefined) {
    const { staleSince: _, ...fresh } = changed;
    changed = fresh;
  }
  if (phase !== undefined && changed.attempts.at(-1)?.phase !== phase) changed = withAttempt(changed, { phase });
  if (changed.state === 'queued' && JSON.stringify(changed.waiting) !== JSON.stringify(waiting)) {
    const { waiting: _, ...rest } = changed;
    changed = waiting === undefined ? rest : { ...rest, waiting };
  }
  return changed;
}

/** A platform that does not answer proves nothing: the run stays where it is. */
async function whileReachable<T>(ask: () => Promise<T>): Promise<T | 'unreachable'> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ErrandError && error.code === 'platformUnavailable') return 'unreachable';
    throw error;
  }
}
