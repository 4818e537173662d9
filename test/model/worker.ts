import { instant } from '../../src/core/clock.ts';
import { decide, type Seen } from '../../src/core/decide.ts';
import type { Observation } from '../../src/core/ports/runner-driver.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import { withoutSlots } from '../../src/core/slot-holder.ts';
import { transition, type RunEvent } from '../../src/core/transition.ts';
import { collected, result, runnersFence } from '../core/support/records.ts';
import { collect, discard, send, takeFence } from './effects.ts';
import { newAttempt, type Attempt, type Model, type Worker, type World } from './world.ts';

export interface Successor {
  /** What happened, for the trace. */
  label: string;
  /** Whether something went wrong: the way to the end must not need it. */
  fault: boolean;
  world: World;
}

const idle: Worker = { at: 'idle' };

/**
 * What the orchestrator with this index can do next. Each case is one call of reconcile.ts; between two of them anything else may happen, the death
 * of this orchestrator included. The names of the functions there are in the comments.
 */
export function workerSteps(model: Model, world: World, index: number): Successor[] {
  const worker = world.workers[index] ?? idle;
  const become = (next: Worker, from = world): World => ({
    ...from,
    workers: from.workers.map((each, at) => (at === index ? next : each)),
  });
  const step = (label: string, next: World): Successor => ({ label: `${index}: ${label}`, fault: false, world: next });
  const dies: Successor = { label: `${index}: dies`, fault: true, world: become(idle) };

  switch (worker.at) {
    case 'idle': {
      // reconcile: storage.getRun, and the end of a look at a run that is closed; nextStep: the first readExchange, then decide. The two reads are one
      // step here: had the record changed between them, this worker could only do what an older one, which is searched too, can do as well.
      if (!world.run.open) return [];
      return [
        step('reads record and exchange', become(decided(model, world, world.run, seenOf(world, world.run, {})))),
      ];
    }
    case 'readExchange': {
      // nextStep: readExchange after observe; then decide
      return [
        dies,
        step(
          'reads the exchange again',
          become(decided(model, world, worker.run, seenOf(world, worker.run, worker.seen))),
        ),
      ];
    }
    case 'observe': {
      // nextStep, case 'observe': driver.observe, and after it readExchange
      const attempt = world.attempts[worker.run.attempts.length - 1];
      const seen: Seen = { ...worker.seen, container: observation(attempt) };
      if (model.config.defect === 'exitCodeTrusted') Object.assign(seen, trusted(worker.run, seen.container));
      const next: Worker =
        model.config.defect === undefined || !['resultBeforeObserve', 'exitCodeTrusted'].includes(model.config.defect)
          ? { at: 'readExchange', run: worker.run, seen }
          : decided(model, world, worker.run, seen);
      return [dies, step('observes the container', become(next))];
    }
    case 'takeFence': {
      // nextStep, case 'takeFence': exchange.takeFence, then decide with the fence that stands
      const at = worker.run.attempts.length - 1;
      if (model.config.defect === 'notStartedWithoutFence')
        return [
          dies,
          step(
            'believes that it has the fence',
            become(decided(model, world, worker.run, { ...worker.seen, fence: worker.step.fence })),
          ),
        ];
      const after = takeFence(world, at, worker.step.fence);
      const seen: Seen = { ...worker.seen, fence: after.attempts[at]?.fence };
      return [
        dies,
        step('takes the fence', become(decided(model, world, worker.run, seen), after)),
        { label: `${index}: takes the fence and dies`, fault: true, world: become(idle, after) },
      ];
    }
    case 'collect': {
      // settle: exchange.collect, then apply
      const about = { collected, at: world.now, random: 0 };
      const event: RunEvent =
        'result' in worker.step
          ? { type: 'finished', result: worker.step.result, ...about }
          : { type: 'ended', ...worker.step.lost, ...about };
      const after = collect(world, worker.run.attempts.length - 1);
      return [dies, step('collects log and result', become(applied(model, worker.run, event), after))];
    }
    case 'save': {
      // save: storage.updateRun
      const isStale = worker.run.version !== world.run.version;
      if (isStale && model.config.defect !== 'blindUpsert') return [step('was too late', become(idle))];
      const run: RunRecord = { ...worker.next, version: world.run.version + 1 };
      const saved: World = { ...world, run };
      // openAttempt: the winner creates the container; the number of attempts of a blind writer may be there already
      if (worker.afterwards === 'create')
        return [
          dies,
          step(
            'opens an attempt',
            become(idle, { ...saved, attempts: [...saved.attempts.slice(0, run.attempts.length - 1), newAttempt] }),
          ),
        ];
      if (worker.afterwards === 'stop')
        return [dies, step('saves that it stops', become({ at: 'stop', attempt: run.attempts.length - 1 }, saved))];
      return [dies, step(`saves ${run.state}${run.open ? '' : ', closed'}`, become(idle, saved))];
    }
    case 'stop':
      // stop: driver.stop, after the record was marked
      return [
        dies,
        ...send(model, world, { kind: 'stop', attempt: worker.attempt }).map(({ label, fault, world: after }) => ({
          label: `${index}: ${label}`,
          fault,
          world: become(idle, after),
        })),
      ];
    case 'remove': {
      // removeContainer: driver.remove, exchange.discard, save
      const heard: Worker =
        model.config.defect === 'removedBeforeLog' && 'endedAt' in (worker.run.attempts[worker.attempt] ?? {})
          ? { at: 'discard', run: worker.run, attempt: worker.attempt }
          : worker;
      const next: Worker =
        model.config.defect === 'removedBeforeLog' && heard === worker
          ? idle
          : { at: 'discard', run: worker.run, attempt: worker.attempt };
      return [
        dies,
        ...send(model, world, { kind: 'remove', attempt: worker.attempt }).map(({ label, fault, world: after }) => ({
          label: `${index}: ${label}`,
          fault,
          world: become(fault ? idle : next, after),
        })),
      ];
    }
    case 'discard': {
      const attempts = worker.run.attempts.map((each, at) =>
        at === worker.attempt ? { ...each, containerGone: true } : each,
      );
      const next: Worker = { at: 'save', run: worker.run, next: { ...worker.run, attempts }, afterwards: 'idle' };
      return [dies, step('discards the exchange', become(next, discard(world, worker.attempt)))];
    }
  }
}

/** The shipped decision, and the call that comes next because of it: `nextStep` and `perform`. */
function decided(model: Model, world: World, run: RunRecord, seen: Seen): Worker {
  const { policy, config } = model;
  const step = decide(run, seen, world.now, policy, 0);
  switch (step.do) {
    case 'apply':
      return applied(model, run, step.event);
    case 'takeSlots':
      return decided(model, world, run, { ...seen, slots: { held: true } });
    case 'observe':
      return { at: 'observe', run, seen };
    case 'takeFence':
      return { at: 'takeFence', run, seen, step };
    case 'openAttempt': {
      const lease = { by: 'somebody', until: instant(world.now + policy.leaseMs) };
      const opened = applied(model, run, {
        type: 'attemptOpened',
        containerName: `errand-${run.attempts.length + 1}`,
        platform: 'model',
        lease,
        at: world.now,
      });
      return opened.at === 'save' ? { ...opened, afterwards: 'create' } : opened;
    }
    case 'settle':
      if (config.defect === 'removedBeforeLog' && world.attempts[run.attempts.length - 1]?.container !== 'absent')
        return { at: 'remove', run, attempt: run.attempts.length - 1 };
      return { at: 'collect', run, step };
    case 'stop': {
      if (run.stop === undefined) throw new Error('a stop without a reason');
      const sentUntil = instant(world.now + step.graceSeconds * 1000 + policy.marginMs);
      return { at: 'save', run, next: { ...run, stop: { ...run.stop, sentUntil } }, afterwards: 'stop' };
    }
    case 'removeContainer':
      return { at: 'remove', run, attempt: step.attempt.number - 1 };
    case 'releaseSlots':
      return { at: 'save', run, next: withoutSlots(run, step), afterwards: 'idle' };
    case 'close':
      return { at: 'save', run, next: { ...run, open: false }, afterwards: 'idle' };
    case 'deliver':
      throw new Error('nobody is told of the runs of this model');
    case 'wait':
      // wait: the wake-up that it schedules may come at any time, which an idle worker does anyway
      return idle;
  }
}

function applied(model: Model, run: RunRecord, event: RunEvent): Worker {
  const next = transition(run, event, model.policy);
  if (next === undefined) throw new Error(`${event.type} was decided for a run that is ${run.state}`);
  return { at: 'save', run, next, afterwards: 'idle' };
}

function observation(attempt: Attempt | undefined): Observation {
  switch (attempt?.container) {
    case undefined:
    case 'absent':
      return { state: 'absent' };
    case 'created':
      return { state: 'created', since: instant(0) };
    case 'running':
      return { state: 'running' };
    case 'exited':
      return { state: 'exited', exitCode: 0, oomKilled: false, tail: '' };
  }
}

function readResult(attempt: Attempt | undefined): Seen['result'] {
  switch (attempt?.result) {
    case undefined:
      return undefined;
    case 'exit0':
      return result();
    case 'exit1':
      return result({ exitCode: 1 });
    case 'notStarted':
      return result({ started: false, exitCode: null, reason: 'fetchFailed' });
  }
}

function seenOf(world: World, run: RunRecord, seen: Seen): Seen {
  const attempt = world.attempts[run.attempts.length - 1];
  if (run.state === 'running') return { ...seen, result: readResult(attempt) };
  return run.state === 'starting' ? { ...seen, fence: attempt?.fence } : seen;
}

/** The defect `exitCodeTrusted`: a container that was never started "ended" with 0, as `wait` on a created container says, and so did the task. */
function trusted(run: RunRecord, container: Seen['container']): Seen {
  if (
    container === undefined ||
    container === 'unreachable' ||
    (container.state !== 'created' && container.state !== 'exited')
  )
    return {};
  return run.state === 'running' ? { result: result() } : { fence: runnersFence };
}
