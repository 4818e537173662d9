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
import { noteFiles, type CrashCase, type Setting } from './crash-case.ts';
import { isSettled } from './errand-process.ts';
import { answersIn, linesOf, pointsIn } from './evidence.ts';
import { faultyEngine, type FaultyEngine, type Verdict } from './faulty-engine.ts';
import { checkInvariants, type Verdicts } from './invariants.ts';
import { pause, processesOf, processState, until } from './processes.ts';
import { definitionOf, executableOf, scenarioOf, scriptName, taskName } from './scenarios.ts';
import type { Survivor, Victim, Workers } from './workers.ts';

export interface Outcome extends Verdicts {
  /** Whether the fault happened. Without a fault: whether the victim came to its end. */
  visited: boolean;
  /** All points that the victim reached. */
  points: string[];
  seconds: number;
}

/** Takes one case after the other. */
export interface Lane {
  run(crash: CrashCase): Promise<Outcome>;
}

/** A busy machine takes its time; nothing is measured by these. */
const victimMs = 60_000;
const settleMs = 60_000;
/** A request that was sent before its sender died arrives when the lease of the attempt is over and others have begun to look. */
const lateMs = 1_200;

export function lane(processes: Workers, dockerHost: string | undefined): Lane {
  let survivors: Survivor[] = [];

  async function run(crash: CrashCase): Promise<Outcome> {
    const began = performance.now();
    const { crashedBefore } = scenarioOf(crash.scenario, crash.driver);
    const place = await makePlace(crash, dockerHost);
    try {
      if (crashedBefore !== undefined) await live({ ...crash, fault: { kind: 'kill', point: crashedBefore } });
      const visited = await live(crash);
      const verdicts = await recover(crash, visited.resume);
      return {
        ...verdicts,
        violations: [...visited.problems, ...verdicts.violations],
        visited: visited.happened,
        points: visited.points,
        seconds: (performance.now() - began) / 1000,
      };
    } finally {
      await place.close();
    }

    /** One life of a victim. */
    async function live(told: CrashCase): Promise<Lived> {
      const victim = processes.victim();
      await place.forgetPoints();
      const engine = place.meet(victim, told);
      victim.begin({ ...place.setting(told), dockerHost: engine?.victimHost ?? '' });
      const { fault } = told;
      const stands = (): boolean => fault?.kind === 'stall' && processState(victim.pid) === 'T';
      const cameToAnEnd = await until(victimMs, () => victim.end() !== undefined || stands());
      const reached = (): string[] => [...pointsIn(place.notes), ...place.enginePoints()];
      if (stands()) {
        const resume = async (): Promise<void> => {
          process.kill(victim.pid, 'SIGCONT');
          if (!(await until(victimMs, () => victim.end() !== undefined))) victim.kill();
        };
        return { happened: true, points: reached(), problems: [], resume };
      }
      const end = victim.end();
      if (!cameToAnEnd || end === undefined) {
        victim.kill();
        return { happened: false, points: reached(), problems: [`the victim came to no end in ${victimMs / 1000} s`] };
      }
      const { code, signal } = end;
      const met = fault !== undefined && reached().includes(fault.point);
      const expected = signal === 'SIGKILL' ? met : code === 0;
      const problems = expected ? [] : [`the victim ended with ${signal ?? code}: ${victim.said()}`];
      if (met && fault.kind === 'reboot') await place.reboot(told);
      return { happened: fault === undefined ? code === 0 : met, points: reached(), problems };
    }

    /** Two start at the same time; one of them also serves the client, who repeats what was not answered. */
    async function recover(told: CrashCase, resume?: () => Promise<void>): Promise<Verdicts> {
      survivors = survivors.length === 2 ? survivors : [processes.survivor(), processes.survivor()];
      const { keys } = scenarioOf(told.scenario, told.driver);
      const setting = { ...place.setting(told), fault: undefined, dockerHost: place.survivorHost() };
      const before = answersIn(place.notes);
      for (const [at, survivor] of survivors.entries())
        survivor.recover(setting, { asks: at === 0, answered: [...before.keys()] });

      const storage = sqliteStorage({ path: join(place.data, 'errand.db'), clock: systemClock });
      const artifacts = filesystemArtifacts({ directory: place.data, clock: systemClock });
      const settled = () => isSettled({ storage }, keys.length);
      await until(settleMs, settled);
      await resume?.();
      // What came late, or was made by one who had stood still, is the sweep's.
      await until(settleMs / 2, async () => (await settled()) && (await place.leftovers()).length === 0);
      const asked = answersIn(place.notes);
      const answers = [asked, ...survivors.map((survivor) => survivor.answers())].flatMap((each) =>
        [...each].map(([what, runId]) => ({ what, runId })),
      );
      const problems = survivors.flatMap((survivor) => survivor.failures());
      const ends = await Promise.all(survivors.map((survivor) => survivor.stop()));
      if (ends.includes(false)) {
        problems.push('a survivor could not be closed');
        for (const survivor of survivors) survivor.end();
        survivors = [];
      }
      const verdicts = await checkInvariants({
        driver: told.driver,
        scenario: told.scenario,
        storage,
        artifacts,
        data: place.data,
        notes: place.notes,
        answers,
        requests: place.requests(),
        containers: await place.containers(),
      });
      await storage.close();
      const violations = [...problems, ...verdicts.violations];
      if (violations.length > 0)
        violations.push(
          ...linesOf(join(place.notes, noteFiles.log))
            .filter((line) => !line.includes('no sandbox'))
            .slice(-12),
        );
      return { ...verdicts, violations };
    }
  }

  return { run };
}

interface Lived {
  happened: boolean;
  points: string[];
  problems: string[];
  /** Lets a victim that stands still go on, and waits for its end. */
  resume?: () => Promise<void>;
}

/** The directories of one case, and the engine that stands between them and Docker. */
async function makePlace(crash: CrashCase, dockerHost: string | undefined) {
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
    setting: (of: CrashCase): Omit<Setting, 'dockerHost'> => ({ ...of, data, notes }),
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
    meet: (newcomer: Victim, its: CrashCase) => {
      victim = newcomer;
      told = its;
      points = [];
      return engine;
    },

    /** The platform starts once more what has ended. */
    reboot: async ({ variant }: CrashCase) => {
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
      for (const pid of processesOf(data)) killQuietly(pid);
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

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
