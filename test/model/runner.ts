import { instant } from '../../src/core/clock.ts';
import { isTerminal } from '../../src/contract/run.ts';
import type { Attempt, Model, World } from './world.ts';
import { withAttemptAt } from './world.ts';
import type { Successor } from './worker.ts';

/** What the container of an attempt can do next: the steps of script-runner.sh, and what may befall it. */
export function containerSteps(model: Model, world: World, index: number): Successor[] {
  const attempt = world.attempts[index];
  if (attempt === undefined || attempt.container === 'absent') return [];
  const at = (label: string, change: Partial<Attempt>, fault = false): Successor => ({
    label: `container ${index}: ${label}`,
    fault,
    world: withAttemptAt(world, index, change),
  });
  const vanishes = at('vanishes', { container: 'absent' }, true);
  if (attempt.container === 'created') return [vanishes];
  if (attempt.container === 'exited')
    return attempt.boots < model.config.boots
      ? [
          vanishes,
          at(
            'is started again by the platform',
            { container: 'running', runner: 'boot', boots: attempt.boots + 1 },
            true,
          ),
        ]
      : [vanishes];
  return [vanishes, at('is killed', { container: 'exited' }, true), ...runnerSteps(model, world, index, attempt, at)];
}

type Make = (label: string, change: Partial<Attempt>, fault?: boolean) => Successor;

function runnerSteps(model: Model, world: World, index: number, attempt: Attempt, at: Make): Successor[] {
  const { defect } = model.config;
  const ends = (why: string) => at(why, { container: 'exited' });
  const nonce = defect === 'startRepeatedUnderOneNonce' ? 'one' : String(attempt.boots);
  switch (attempt.runner) {
    case 'boot': {
      if (defect === 'noFence') return [at('takes no fence', { runner: 'fenced' })];
      if (attempt.box === 'gone') return [ends('finds no exchange')];
      if (attempt.fence !== undefined) return [afterFence(attempt, nonce, model, at)];
      const fence = { by: 'runner', nonce, at: instant(world.now) } as const;
      return [
        at('takes the fence', { fence, runner: 'fenced' }),
        at('takes the fence, answer lost', { fence, runner: 'unsure' }, true),
        at(
          'takes the fence to say that it cannot start',
          { fence, runner: 'reported', result: attempt.result ?? 'notStarted' },
          true,
        ),
      ];
    }
    case 'unsure':
      return [attempt.box === 'gone' ? ends('finds no exchange') : afterFence(attempt, nonce, model, at)];
    case 'fenced': {
      const started = at('starts user code', { runner: 'code', starts: attempt.starts + 1 });
      const broken = mayNotStart(world, index);
      return [broken === undefined ? started : { ...started, world: { ...started.world, broken } }];
    }
    case 'code':
      return [
        at('user code ends with 0', { runner: 'done', exit: 0 }),
        at('user code ends with 1', { runner: 'done', exit: 1 }),
      ];
    case 'done': {
      if (attempt.box === 'gone') return [ends('finds no exchange')];
      const result = attempt.exit === 0 ? 'exit0' : 'exit1';
      return [at('writes the result', { runner: 'reported', result: attempt.result ?? result, reported: true })];
    }
    case 'reported':
      return [ends('exits')];
  }
}

/** The fence is there already: its own nonce means that only the answer was lost. */
function afterFence(attempt: Attempt, nonce: string, model: Model, at: Make): Successor {
  const isOwn = attempt.fence?.by === 'runner' && attempt.fence.nonce === nonce;
  if (isOwn || model.config.defect === 'foreignFenceIgnored') return at('goes on', { runner: 'fenced' });
  return at('finds a foreign fence', { container: 'exited' });
}

function mayNotStart({ run }: World, index: number): string | undefined {
  if (isTerminal(run.state)) return `user code starts in a run that is ${run.state}`;
  return run.attempts[index]?.endedAt === undefined ? undefined : 'user code starts under an attempt that has ended';
}
