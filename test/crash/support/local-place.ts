import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

import { filesystemArtifacts } from '../../../src/artifacts/filesystem.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { packageRoot } from '../../../src/entry/package-root.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { caseDirectories } from './case-directories.ts';
import { caseEngine, type CaseEngine } from './case-engine.ts';
import type { CrashCase } from './crash-case.ts';
import { faultJudge } from './fault-judge.ts';
import type { OpenPlace, Place } from './place.ts';
import { endProcess, processesOf, until } from './processes.ts';
import { definitionOf, executableOf, scriptName, taskName } from './scenarios.ts';

/** Places on this machine: SQLite and files, with processes or with the engine at this address. */
export function localPlaces(dockerHost?: string): OpenPlace {
  return (crash) => makePlace(crash, dockerHost);
}

/** The directories of one case, and the engine that stands between them and Docker. */
async function makePlace(crash: CrashCase, dockerHost: string | undefined): Promise<Place> {
  const { root, data, notes, tally, forgetPoints, remove } = await caseDirectories();
  const artifacts = filesystemArtifacts({ directory: data, clock: systemClock });
  await artifacts.put(scriptName, Buffer.from(executableOf(crash.scenario, crash.driver)));
  await artifacts.put(`${taskName}.json`, Buffer.from(JSON.stringify(definitionOf(crash.scenario, crash.driver))));
  const { judge, meet, points } = faultJudge(crash);
  const engine: CaseEngine | undefined =
    crash.driver === 'docker' && dockerHost !== undefined
      ? await caseEngine({ directory: root, dockerHost, tally, judge, isOurs })
      : undefined;

  let instance: Promise<string> | undefined;
  async function isOurs({ labels }: { labels: Record<string, string> }): Promise<boolean> {
    instance ??= instanceId();
    return labels['errand.instance'] === (await instance);
  }

  async function instanceId(): Promise<string> {
    const storage = sqliteStorage({ path: join(data, 'errand.db'), clock: systemClock });
    try {
      return await storage.instanceId();
    } finally {
      await storage.close();
    }
  }

  return {
    data,
    notes,
    setting: (of) => ({ ...of, data, notes }),
    open: async () => {
      const storage = sqliteStorage({ path: join(data, 'errand.db'), clock: systemClock });
      return {
        storage,
        artifacts: filesystemArtifacts({ directory: data, clock: systemClock }),
        close: () => storage.close(),
      };
    },
    survivorHost: () => engine?.survivorHost ?? '',
    forgetPoints,
    enginePoints: points,
    requests: () => engine?.answered ?? [],
    containers: async () => (await engine?.runners()) ?? [],
    leftovers: async () => [...((await engine?.leftovers()) ?? []), ...globSync('processes/*', { cwd: data })],
    problems: async () => [],
    meet: (newcomer, its) => {
      meet(newcomer, its);
      return engine?.victimHost ?? '';
    },

    /** The platform starts once more what has ended. */
    reboot: async ({ variant }) => {
      const [box] = globSync('exchanges/*/*/box', { cwd: data }).map((found) => join(data, found));
      if (box === undefined) throw new Error('there is no exchange to boot again');
      await until(10_000, () => existsSync(join(box, 'result.json')));
      if (engine !== undefined) return engine.startAgain();
      const script =
        variant === 'noFence'
          ? join(notes, 'forgetful-runner.sh')
          : join(packageRoot, 'runner-image', 'script-runner.sh');
      const child = spawn('/bin/sh', [script, box], { stdio: 'ignore' });
      const { promise, resolve } = Promise.withResolvers<void>();
      child.once('exit', () => resolve());
      await promise;
    },

    close: async () => {
      await engine?.close();
      for (const pid of processesOf(data)) endProcess(pid);
      await remove();
    },
  };
}
