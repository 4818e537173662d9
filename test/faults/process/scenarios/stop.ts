import { pause } from '../../../crash/support/processes.ts';
import { shortPolicy } from '../../../crash/support/crash-case.ts';
import type { ScenarioOutcome } from '../outcome.ts';
import { seededRandom } from '../../../../emulator/random.ts';
import { inScene } from '../support/scene.ts';
import type { Kind } from '../support/tasks.ts';
import type { VariantName } from '../support/variants.ts';

export interface StopOptions {
  seed: number;
  /** How often one of the two stands still. */
  stops: number;
  runsPerStop: number;
  variant?: VariantName | undefined;
}

const mixture: readonly Kind[] = ['Quick', 'Retried', 'Failing', 'Quick', 'Slow'];
/** Longer than any lease, margin or look of the shortened times. */
const stoppedMs = 3 * Math.max(shortPolicy.leaseMs, shortPolicy.marginMs, shortPolicy.safetyLookMs);
/** The moment lies within the first looks at the runs, where most is half done. */
const latestStopMs = 300;

/** One of two servers on one storage stands still in the middle of its work, for longer than anything waits for it, and then goes on with what it knew. */
export function stopAndGoOn({ seed, stops, runsPerStop, variant }: StopOptions): Promise<ScenarioOutcome> {
  return inScene({ name: `SIGSTOP (seed ${seed})`, variant }, async (scene) => {
    const random = seededRandom(seed);
    const [sleeper, other] = [await scene.start(), await scene.start()];
    const failures: string[] = [];
    let underWay = 0;
    for (let stop = 0; stop < stops; stop += 1) {
      scene.callAt(sleeper);
      const asked = Array.from({ length: runsPerStop }, (_, at) =>
        scene.callers.run(`stop-${stop}-${at}`, mixture[at % mixture.length] ?? 'Quick'),
      );
      await Promise.race(asked);
      await pause(random.next() * latestStopMs);
      sleeper.pause();
      underWay += (await scene.runs()).filter(({ open }) => open).length;
      // Who was not answered turns to the other one, with the same key.
      scene.callAt(other);
      const repeated = Array.from({ length: runsPerStop }, (_, at) =>
        scene.callers.run(`stop-${stop}-${at}`, mixture[at % mixture.length] ?? 'Quick'),
      );
      await pause(stoppedMs);
      sleeper.resume();
      // Only now: one that stood still in the middle of a write kept the database locked for the other.
      await Promise.all([...asked, ...repeated]);
    }
    if (!(await scene.settle())) failures.push('it did not come to rest');
    // What the one that stood still has yet to do wrong.
    await pause(shortPolicy.leaseMs);
    const lines = [
      `${stops * runsPerStop} runs, one of two servers stopped ${stops} times for ${stoppedMs / 1000} s each, with ${underWay} runs under way in all`,
    ];
    return scene.judge({ faults: stops, lines, failures });
  });
}
