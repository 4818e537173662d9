import { instant } from '../../src/core/clock.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import { send, takeFence } from './effects.ts';
import type { Successor } from './worker.ts';
import { withAttemptAt, type Attempt, type Model, type World } from './world.ts';

/** An attempt's creator: create-runner.ts. Called once per attempt, by whoever opened it; may be late at every step, or die. */
export function creatorSteps(model: Model, world: World, index: number): Successor[] {
  const attempt = world.attempts[index];
  if (attempt === undefined || attempt.creator === 'none') return [];
  const become = (creator: Attempt['creator'], from = world): World => withAttemptAt(from, index, { creator });
  const step = (label: string, next: World): Successor => ({
    label: `creator ${index}: ${label}`,
    fault: false,
    world: next,
  });
  const dies: Successor = { label: `creator ${index}: dies`, fault: true, world: become('none') };

  switch (attempt.creator) {
    case 'open': {
      // createRunner: prepare, exchange.open
      const mayOpen = attempt.box === 'none' || model.config.defect === 'reopened';
      if (!mayOpen) return [dies, step('finds the exchange used', become('endLease'))];
      const { box, fence } =
        model.config.defect === 'reopened' && attempt.box !== 'none'
          ? { box: 'ready' as const, fence: undefined }
          : { box: 'ready' as const, fence: attempt.fence };
      return [dies, step('opens the exchange', withAttemptAt(world, index, { creator: 'create', box, fence }))];
    }
    case 'create':
    case 'start': {
      // createRunner: driver.create, which creates and then starts. An error ends in giveUp: refused for certain, or nobody knows.
      const heard = attempt.creator === 'create' ? 'start' : attempt.container === 'created' ? 'mark' : 'endLease';
      const sent = send(model, world, { kind: attempt.creator, attempt: index }).map(
        ({ label, fault, world: after }) => ({
          label: `creator ${index}: ${label}`,
          fault,
          world: become(fault ? 'endLease' : heard, after),
        }),
      );
      return [dies, ...sent, { label: `creator ${index}: is refused`, fault: true, world: become('takeFence') }];
    }
    case 'mark': {
      // markCreated: amend, and removal where the attempt was given up
      const recorded = world.run.attempts[index];
      if (recorded === undefined || (recorded.endedAt !== undefined && recorded.fencedAt === undefined))
        return [dies, step('finds its attempt given up', become('remove'))];
      const marked = {
        ...recorded,
        createdAt: instant(world.now),
        lease: { ...recorded.lease, until: instant(world.now) },
      };
      return [
        dies,
        step(
          'marks it created',
          become(
            'none',
            amended(world, { attempts: world.run.attempts.map((each, at) => (at === index ? marked : each)) }),
          ),
        ),
      ];
    }
    case 'remove':
      return [
        dies,
        ...send(model, world, { kind: 'remove', attempt: index }).map(({ label, fault, world: after }) => ({
          label: `creator ${index}: ${label}`,
          fault,
          world: become('none', after),
        })),
      ];
    case 'takeFence': {
      // giveUp: exchange.takeFence, with the reason
      const why = { kind: 'startFailed', reason: 'imageUnavailable', permanent: false } as const;
      const fence = { by: 'orchestrator', why, message: 'refused', at: instant(world.now) } as const;
      return [dies, step('takes the fence', become('endLease', takeFence(world, index, fence)))];
    }
    case 'endLease': {
      // giveUp: amend, where the attempt is still wanted
      const last = world.run.attempts.at(-1);
      const isWanted = world.run.state === 'starting' && last?.number === index + 1 && world.run.cancel === undefined;
      if (!isWanted || last === undefined) return [step('leaves it', become('none'))];
      const ended = { ...last, lease: { ...last.lease, until: instant(world.now) } };
      return [
        dies,
        step(
          'ends its lease',
          become('none', amended(world, { attempts: [...world.run.attempts.slice(0, -1), ended] })),
        ),
      ];
    }
  }
}

/** A change that is made again until nobody was faster: amend.ts. */
function amended(world: World, change: Partial<Pick<RunRecord, 'attempts'>>): World {
  return { ...world, run: { ...world.run, ...change, version: world.run.version + 1 } };
}
