import { pause } from '../../../crash/support/processes.ts';
import type { ScenarioOutcome } from '../outcome.ts';
import { seededRandom } from '../../../../emulator/random.ts';
import { inScene, type Scene } from '../support/scene.ts';
import type { Kind } from '../support/tasks.ts';
import type { VariantName } from '../support/variants.ts';

export interface KillOptions {
  seed: number;
  runs: number;
  kills: number;
  variant?: VariantName | undefined;
}

const mixture: readonly Kind[] = ['Quick', 'Slow', 'Failing', 'Retried', 'Canceled'];
/** Between two requests, and how long a server lives once it is up: some die while they take in what the one before left. */
const betweenRequestsMs = 60;
const longestLifeMs = 900;

/** SIGKILL at random moments, and a new server each time, while requests come in. Clients repeat what was not answered, and some what was. */
export function killAtRandom({ seed, runs, kills, variant }: KillOptions): Promise<ScenarioOutcome> {
  return inScene({ name: `SIGKILL (seed ${seed})`, variant }, async (scene) => {
    const random = seededRandom(seed);
    let server = await scene.start();
    const asked = askForAll(scene, runs);
    for (let count = 0; count < kills; count += 1) {
      await pause(random.next() * longestLifeMs);
      await server.kill();
      server = await scene.start();
    }
    await asked;
    const failures = (await scene.settle()) ? [] : ['it did not come to rest'];
    const lines = [
      `${runs} runs while the server was killed ${kills} times, ${scene.callers.repeated()} requests repeated`,
    ];
    return scene.judge({ faults: kills, lines, failures });
  });
}

async function askForAll({ callers }: Scene, runs: number): Promise<void> {
  const all: Promise<void>[] = [];
  for (let count = 0; count < runs; count += 1) {
    const kind = mixture[count % mixture.length] ?? 'Quick';
    all.push(askAndGoOn(callers, `kill-${count}`, kind));
    await pause(betweenRequestsMs);
  }
  await Promise.all(all);
}

async function askAndGoOn(callers: Scene['callers'], key: string, kind: Kind): Promise<void> {
  const id = await callers.run(key, kind);
  if (kind === 'Canceled') await callers.cancel(id);
  // As one does who has lost the answer.
  if (kind === 'Quick') await callers.run(key, kind);
}
