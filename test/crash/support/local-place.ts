import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync, globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type Docker from 'dockerode';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { filesystemArtifacts } from '../../../src/artifacts/filesystem.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { packageRoot } from '../../../src/entry/package-root.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { noteFiles, type CrashCase } from './crash-case.ts';
import { linesOf } from './evidence.ts';
import { faultyEngine, type FaultyEngine, type Verdict } from './faulty-engine.ts';
import type { OpenPlace, Place } from './place.ts';
import { endProcess, pause, processesOf, until } from './processes.ts';
import { definitionOf, executableOf, scriptName, taskName } from './scenarios.ts';
import type { Victim } from './workers.ts';

/** A request that was sent before its sender died arrives when the lease of the attempt is over and others have begun to look. */
export const lateMs = 1_200;

/** Places on this machine: SQLite and files, with processes or with the engine at this address. */
export function localPlaces(dockerHost?: string): OpenPlace {
  return (crash) => makePlace(crash, dockerHost);
}

/** The directories of one case, and the engine that stands between them and Docker. */
async function makePlace(crash: CrashCase, dockerHost: string | undefined): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'errand-crash-'));
  const data = join(root, 'data');
  const notes = join(root, 'notes');
  const tally = join(notes, 'tally');
  await mkdir(tally, { recursive: true });
  await chmod(tally, 0o777);
  await writeFile(join(notes, noteFiles.executions), '');
  await chmod(join(notes, noteFiles.executions), 0o666);
  const artifacts = filesystemArtifacts({ directory: data, clock: systemClock });
  await artifacts.put(scriptName, Buffer.from(executableOf(crash.scenario, crash.driver)));
  await artifacts.put(`${taskName}.json`, Buffer.from(JSON.stringify(definitionOf(crash.scenario, crash.driver))));

  const docker: Docker | undefined =
    crash.driver === 'docker' && dockerHost !== undefined ? dockerClient(dockerHost) : undefined;
  let victim: Victim | undefined;
  let told: CrashCase = crash;
  let points: string[] = [];
  const engine: FaultyEngine | undefined =
    crash.driver === 'docker' && dockerHost !== undefined
      ? await faultyEngine({ directory: root, dockerHost, tally, judge })
      : undefined;

  async function judge(point: string): Promise<Verdict> {
    points.push(point);
    if (point !== told.fault?.point) return 'pass';
    switch (told.fault.kind) {
      case 'stall':
        process.kill(victim?.pid ?? 0, 'SIGSTOP');
        return 'pass';
      case 'answerLost':
        return 'drop';
      case 'late':
        victim?.kill();
        await pause(lateMs);
        return 'pass';
      case 'kill':
      case 'reboot':
        victim?.kill();
        return 'drop';
    }
  }

  async function runners(): Promise<{ Id: string; Names: string[] }[]> {
    if (docker === undefined) return [];
    const instance = await instanceId();
    return docker.listContainers({ all: true, filters: { label: [`errand.instance=${instance}`] } });
  }

  async function instanceId(): Promise<string> {
    const storage = sqliteStorage({ path: join(data, 'errand.db'), clock: systemClock });
    try {
      return await storage.instanceId();
    } finally {
      await storage.close();
    }
  }

  const containers = async (): Promise<string[]> => (await runners()).map(({ Id, Names }) => Names[0]?.slice(1) ?? Id);

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
    /** Those of an earlier life; the answers that it gave were given. */
    forgetPoints: async () => {
      const path = join(notes, noteFiles.points);
      const answers = linesOf(path).filter((line) => line.startsWith('#'));
      await writeFile(path, answers.map((line) => `${line}\n`).join(''));
    },
    enginePoints: () => points,
    requests: () => engine?.answered ?? [],
    containers,
    leftovers: async () => [...(await containers()), ...globSync('processes/*', { cwd: data })],
    problems: async () => [],
    meet: (newcomer, its) => {
      victim = newcomer;
      told = its;
      points = [];
      return engine?.victimHost ?? '';
    },

    /** The platform starts once more what has ended. */
    reboot: async ({ variant }) => {
      const [box] = globSync('exchanges/*/*/box', { cwd: data }).map((found) => join(data, found));
      if (box === undefined) throw new Error('there is no exchange to boot again');
      await until(10_000, () => existsSync(join(box, 'result.json')));
      if (docker !== undefined) {
        const [runner] = await runners();
        const container = docker.getContainer(runner?.Id ?? '');
        await until(10_000, async () => !(await container.inspect()).State.Running);
        await container.start();
        await until(10_000, async () => !(await container.inspect()).State.Running);
        return;
      }
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
      for (const { Id } of await runners()) await docker?.getContainer(Id).remove({ force: true, v: true });
      for (const name of canariesOf(engine)) await removeQuietly(docker, name);
      for (const pid of processesOf(data)) endProcess(pid);
      await engine?.close();
      await rm(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Canaries of victims that died between making and removing one; Errand removes them after ten minutes. */
function canariesOf(engine: FaultyEngine | undefined): string[] {
  const made = engine?.answered.filter(({ what }) => what === 'POST /containers/create {canary}') ?? [];
  return made.flatMap(({ container }) => (container === undefined ? [] : [container]));
}

async function removeQuietly(docker: Docker | undefined, name: string): Promise<void> {
  await docker
    ?.getContainer(name)
    .remove({ force: true })
    .catch((error: unknown) => {
      if (!(error instanceof Error && 'statusCode' in error && [404, 409].includes(Number(error.statusCode))))
        throw error;
    });
}
