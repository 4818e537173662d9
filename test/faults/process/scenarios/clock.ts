import { pause, until } from '../../../crash/support/processes.ts';
import type { ScenarioOutcome } from '../outcome.ts';
import { inScene, type Scene } from '../support/scene.ts';
import type { Kind } from '../support/tasks.ts';

export interface ClockOptions {
  /** Fifty minutes forwards or back. */
  direction: 'forwards' | 'back';
  /** Of one server that is alone, or of one of two. */
  servers: 1 | 2;
}

/** Less than the longest limit that a start may have, which is an hour. */
const minutes = 50;
const backoffSeconds = 2;
const endlessSeconds = 5;
/** Limits that a step does not reach. */
const wide = { queueSeconds: 86_400, startSeconds: 3_600, runSeconds: 7_200, graceSeconds: 1 };

/**
 * The wall clock is set while runs wait, run and pause before their next attempt. Limits are instants of the wall clock, compared with a margin by the
 * orchestrator and measured without it by the runner: so a step that is shorter than a limit ends nothing, and one that is longer ends
 * what it reaches as timed out. Set back, the clock makes a pause before the next attempt longer by as much.
 */
export function clockSteps({ direction, servers }: ClockOptions): Promise<ScenarioOutcome> {
  const stepMs = (direction === 'forwards' ? minutes : -minutes) * 60_000;
  const name = `clock ${minutes} minutes ${direction}, ${servers === 1 ? 'one server' : 'one of two servers'}`;
  const retry = {
    maxAttempts: 3,
    on: ['exitCode'],
    backoff: { initialSeconds: backoffSeconds, maxSeconds: backoffSeconds },
  };
  const definitions = {
    Quick: { timeouts: wide },
    Failing: { timeouts: wide },
    // One runs, the others wait for its slot.
    Slow: { timeouts: wide, concurrency: { limit: 1 } },
    Retried: { timeouts: wide, retry },
    Endless: { timeouts: { ...wide, runSeconds: endlessSeconds } },
  };
  return inScene({ name, definitions }, async (scene) => {
    const failures: string[] = [];
    const stepped = await scene.start();
    if (servers === 2) await scene.start();
    const asked: Kind[] = ['Retried', 'Slow', 'Slow', 'Slow', 'Endless'];
    const ids = await Promise.all(asked.map((kind, at) => scene.callers.run(`clock-${at}`, kind)));
    const [retried = '', , , , endless = ''] = ids;
    const isUnderWay = await until(20_000, async () => {
      const states = new Map((await scene.runs()).map((run) => [run.id, run.state]));
      const backoff = (await find(scene, retried))?.attempts.length === 1 && states.get(retried) === 'queued';
      return backoff && states.get(endless) === 'running';
    });
    if (!isUnderWay) failures.push('the runs did not come to where the clock was to be set');
    await stepped.step(stepMs);
    await Promise.all((['Quick', 'Failing'] as const).map((kind) => scene.callers.run(`clock-after-${kind}`, kind)));

    const alone = servers === 1;
    if (direction === 'back' && alone) {
      const othersEnded = await until(60_000, async () =>
        (await scene.runs()).every(({ id, open }) => id === retried || !open),
      );
      if (!othersEnded) failures.push('a run that did not pause before its next attempt waited for the clock');
      await pause(backoffSeconds * 1000);
      const waiting = await find(scene, retried);
      if (waiting?.state !== 'queued' || waiting.waiting?.reason !== 'backoff')
        failures.push(`the run that paused before its next attempt is ${waiting?.state}`);
      await stepped.step(-stepMs);
    }
    if (!(await scene.settle())) failures.push('it did not come to rest');
    failures.push(...(await limitFailures(scene, endless, direction, servers)));
    const ranFor = ((await find(scene, endless))?.attempts[0]?.runMs ?? 0) / 1000;
    return scene.judge({
      faults: 1,
      lines: [`a limit of ${endlessSeconds} s ended its run after ${ranFor.toFixed(1)} s; no other run was touched`],
      failures,
    });
  });
}

const find = async (scene: Scene, id: string) => (await scene.runs()).find((run) => run.id === id);

/** What was measured by the runner lasts as long as it may; only a step forwards that goes beyond the limit and its margin cuts it short. */
async function limitFailures(
  scene: Scene,
  endless: string,
  direction: ClockOptions['direction'],
  servers: number,
): Promise<string[]> {
  const run = await find(scene, endless);
  const runMs = run?.attempts[0]?.runMs ?? 0;
  const wasCut = runMs < endlessSeconds * 1000;
  if (direction === 'back' && wasCut) return [`a clock that was set back cut a run short after ${runMs} ms`];
  // With two servers either may be the one that looks.
  if (direction === 'forwards' && servers === 1 && !wasCut)
    return [`a clock that was set beyond the limit left a run alone for ${runMs} ms, which is not as documented`];
  return [];
}
