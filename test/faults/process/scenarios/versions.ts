import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import { pause } from '../../../crash/support/processes.ts';
import { nothingYet, type ScenarioOutcome } from '../outcome.ts';
import { oldVersion } from '../support/old-version.ts';
import { inScene, type Scene } from '../support/scene.ts';
import type { Kind } from '../support/tasks.ts';

/** The first whose tables were given to anybody. A table has come since then, so that it is followed, but does not come back. */
const oldest = '2db3af92e406530eac1acaa73f0e2d5f155e9557';
/** The first with all tables of today. */
const recent = '0beef1eb75ae93dd681d4525a0a67034180e27a5';
const mixture: readonly Kind[] = ['Quick', 'Slow', 'Retried', 'Failing', 'Slow', 'Canceled'];

/**
 * An old server, then an old and a new one on one storage, each killed in the middle of runs that the other goes on with; at last the new one alone. What
 * is too old for the tables says so.
 */
export function oldAndNew(): Promise<ScenarioOutcome> {
  return inScene({ name: 'old and new version' }, async (scene) => {
    const older = await oldVersion(oldest, await mkdtemp(join(scene.root, 'old-')));
    if ('reason' in older) return leftOut(older.reason);
    const old = await oldVersion(recent, await mkdtemp(join(scene.root, 'old-')));
    if ('reason' in old) return leftOut(old.reason);
    const failures: string[] = [];
    const { data } = scene.setting;

    const first = await older.serve(data);
    scene.callAt(first);
    await ask(scene, 'old-alone');
    const current = await scene.start();
    await ask(scene, 'new-beside');
    // Runs of both are under way, and the old one goes: the new one has them all.
    await first.kill();
    await ask(scene, 'new-alone');
    const refusal = await older.serve(data).then(
      (server) => server.kill().then(() => 'none'),
      (error: unknown) => String(error),
    );
    if (!refusal.includes('written by a newer Errand'))
      failures.push(`a server too old for the tables said: ${refusal}`);
    const second = await old.serve(data);
    scene.callAt(second);
    await ask(scene, 'old-beside');
    // Now the other way round: the old one takes over what the new one has begun.
    await current.kill();
    await pause(1_500);
    await scene.start();
    if ((await second.end()) !== 0) failures.push(`the old server ended with an error: ${second.said()}`);
    await ask(scene, 'new-at-last');
    if (!(await scene.settle())) failures.push('it did not come to rest');
    const runs = await scene.runs();
    return scene.judge({
      faults: 2,
      lines: [
        `${runs.length} runs of ${oldest.slice(0, 7)}, ${recent.slice(0, 7)} and this version on one storage, handed over both ways`,
      ],
      failures,
    });
  });
}

function leftOut(reason: string): ScenarioOutcome {
  return { ...nothingYet(), lines: [`old and new version: left out, ${reason}`], leftOut: reason };
}

async function ask({ callers }: Scene, when: string): Promise<void> {
  await Promise.all(
    mixture.map(async (kind, at) => {
      const id = await callers.run(`${when}-${at}`, kind);
      if (kind === 'Canceled') await callers.cancel(id);
    }),
  );
}
