import type { OrchestratorFence } from '../../src/core/ports/artifact-store.ts';
import { withAttemptAt, type Message, type Model, type World } from './world.ts';

export interface Sent {
  label: string;
  fault: boolean;
  world: World;
}

/**
 * What can come of a request to the platform. Without a fault it is carried out and answered. With one its answer is lost, or it is under way while
 * its sender has given up on it: it may arrive later, more than once, or never. That it is never carried out is the death of its sender.
 */
export function send(model: Model, world: World, message: Message): Sent[] {
  const { kind, attempt } = message;
  const sent: Sent[] = [];
  for (const after of carryOut(model, world, message)) {
    sent.push({ label: `${kind}s container ${attempt}`, fault: false, world: after });
    sent.push({ label: `${kind}s container ${attempt}, answer lost`, fault: true, world: after });
  }
  const isUnderWay = world.late.some((each) => each.kind === kind && each.attempt === attempt);
  if (world.late.length < model.config.late && !isUnderWay)
    sent.push({
      label: `${kind} of container ${attempt} is late`,
      fault: true,
      world: { ...world, late: [...world.late, message] },
    });
  return sent;
}

/** What the platform makes of a request, as measured on Docker: starting an exited container runs it again. */
export function carryOut(model: Model, world: World, { kind, attempt: index }: Message): World[] {
  const attempt = world.attempts[index];
  if (attempt === undefined) return [world];
  switch (kind) {
    case 'create':
      return [attempt.container === 'absent' ? withAttemptAt(world, index, { container: 'created' }) : world];
    case 'start': {
      const canStart = attempt.container === 'created' || attempt.container === 'exited';
      return [
        canStart && attempt.boots < model.config.boots
          ? withAttemptAt(world, index, { container: 'running', runner: 'boot', boots: attempt.boots + 1 })
          : world,
      ];
    }
    case 'stop': {
      if (attempt.container === 'created') return [world];
      if (attempt.container !== 'running') return [world];
      const killed = withAttemptAt(world, index, { container: 'exited' });
      if (attempt.runner !== 'code' || attempt.box !== 'ready') return [killed];
      // TERM was passed on, the task ended by it, and the runner wrote down how.
      const inTime = withAttemptAt(world, index, {
        container: 'exited',
        exit: 1,
        result: attempt.result ?? 'exit1',
        reported: true,
      });
      return [killed, inTime];
    }
    case 'remove': {
      if (attempt.container === 'absent') return [world];
      const broken =
        attempt.starts > 0 && !attempt.logCollected
          ? 'a container was removed before its log was collected'
          : world.broken;
      return [{ ...withAttemptAt(world, index, { container: 'absent' }), ...(broken === undefined ? {} : { broken }) }];
    }
  }
}

/** Exchange.takeFence: create-only. */
export function takeFence(world: World, index: number, fence: OrchestratorFence): World {
  const attempt = world.attempts[index];
  if (attempt === undefined || attempt.fence !== undefined) return world;
  return withAttemptAt(world, index, { fence, box: attempt.box === 'none' ? 'fenced' : attempt.box });
}

/** Exchange.collect: what is there now is what there will ever be. */
export function collect(world: World, index: number): World {
  const attempt = world.attempts[index];
  if (attempt === undefined || attempt.logCollected || attempt.box === 'gone') return world;
  const isAtWork = attempt.container === 'running' && attempt.runner === 'code';
  return {
    ...withAttemptAt(world, index, { logCollected: true }),
    ...(isAtWork ? { broken: 'a log was collected while the task was writing it' } : {}),
  };
}

/** Exchange.discard: the fence is kept beside, everything else is gone for good. */
export function discard(world: World, index: number): World {
  return withAttemptAt(world, index, { box: 'gone', result: undefined });
}
