import { existsSync, globSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { filesystemArtifacts } from '../../../../src/artifacts/filesystem.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import type { RunRecord } from '../../../../src/core/run-record.ts';
import { sqliteStorage } from '../../../../src/storage/sqlite.ts';
import { endProcess, processesOf, until } from '../../../crash/support/processes.ts';
import { allRuns } from '../../../promise/all-runs.ts';
import { checkPromise, describeBreach } from '../../../promise/check-promise.ts';
import type { Execution, Write } from '../../../promise/evidence.ts';
import { nothingYet, type ScenarioOutcome } from '../outcome.ts';
import { callers, type Callers } from './callers.ts';
import { startServer, type Server, type ServerOptions, type ServerProcess } from './servers.ts';
import { noteFiles, type Setting } from './setting.ts';
import { definitionOf, endsAs, executableOf, kinds, printedBy, scriptNameOf, type Kind } from './tasks.ts';
import type { VariantName } from './variants.ts';

export interface SceneOptions {
  name: string;
  driver?: Setting['driver'];
  /** DOCKER_HOST, once the harness knows where it keeps its notes. */
  dockerHost?: (notes: string) => Promise<string>;
  variant?: VariantName | undefined;
  /** Makes the data directory; told the directory of the scene. */
  makeData?: (root: string) => Promise<string>;
  /** Undoes that, once nothing uses it any more. */
  closeData?: () => Promise<void>;
  /** The tally as tasks see it, where that is another path. */
  tallySeen?: string;
  /** Fields of the definition of a kind that differ. */
  definitions?: Partial<Record<Kind, Record<string, unknown>>>;
  /** Names of containers that are left. */
  containers?: () => Promise<string[]>;
}

/** Where one scenario happens: a data directory, servers on it, clients, and what the harness counts by itself. */
export interface Scene {
  setting: Setting;
  root: string;
  callers: Callers;
  /** Starts a server on the data; clients turn to it from now on. */
  start(options?: ServerOptions): Promise<Server>;
  /** Clients turn to this one from now on; it is ended with the others. */
  callAt(server: ServerProcess): void;
  runs(): Promise<RunRecord[]>;
  executions(): Execution[];
  /** True as soon as nothing is left to do, false after some time. */
  settle(): Promise<boolean>;
  /** Ends the servers and holds what is left against the promise. `allowed` are ends that the faults may lead to, beside that which a kind has by itself. */
  judge(judged: {
    faults: number;
    lines?: readonly string[];
    failures?: readonly string[];
    allowed?: Partial<Record<Kind, readonly string[]>>;
  }): Promise<ScenarioOutcome>;
  close(): Promise<void>;
}

/** A busy machine takes its time; nothing is measured by this. */
const settleMs = 90_000;
/** A broken Errand may never come to rest, and nobody waits for long then. */
const brokenSettleMs = 5_000;
/** Of one scenario, as lines of the report. */
const mostFailures = 30;

export async function openScene(options: SceneOptions): Promise<Scene> {
  const root = await mkdtemp(join(tmpdir(), 'errand-process-faults-'));
  const data = (await options.makeData?.(root)) ?? join(root, 'data');
  const notes = join(root, 'notes');
  await mkdir(join(notes, 'tally'), { recursive: true });
  await chmod(join(notes, 'tally'), 0o777);
  await writeFile(join(notes, noteFiles.executions), '');
  await chmod(join(notes, noteFiles.executions), 0o666);
  const setting: Setting = {
    data,
    notes,
    driver: options.driver ?? 'process',
    dockerHost: (await options.dockerHost?.(notes)) ?? '',
    variant: options.variant,
  };
  const artifacts = filesystemArtifacts({ directory: data, clock: systemClock });
  const storage = sqliteStorage({ path: join(data, 'errand.db'), clock: systemClock });
  for (const kind of kinds) {
    const definition = definitionOf(kind, setting.driver, options.definitions?.[kind]);
    await artifacts.put(scriptNameOf(kind), Buffer.from(executableOf(kind)));
    await artifacts.put(`${kind}.json`, Buffer.from(JSON.stringify(definition)));
  }
  const servers = new Set<ServerProcess>();
  let called: ServerProcess | undefined;
  const clients = callers(() => called?.url ?? '', options.tallySeen ?? join(notes, noteFiles.executions));

  const leftovers = async (): Promise<string[]> => [
    ...globSync('processes/*', { cwd: data }),
    ...globSync('exchanges/*/*/box*', { cwd: data }),
    ...((await options.containers?.()) ?? []),
  ];

  async function settle(): Promise<boolean> {
    return until(options.variant === undefined ? settleMs : brokenSettleMs, async () => {
      const open = await storage.openRuns({ limit: 1 });
      const slots = await storage.slotEntries({ before: '~', limit: 1 });
      return open.length + slots.length === 0 && (await leftovers()).length === 0;
    });
  }

  function callAt(server: ServerProcess): void {
    servers.add(server);
    called = server;
  }

  const judge: Scene['judge'] = async ({ faults, lines = [], failures: found = [], allowed = {} }) => {
    const failures = [...found];
    for (const server of servers) {
      if (!server.isUp()) continue;
      const end = await server.end();
      if (end !== 0) failures.push(`a server that was asked to end ended with ${end}: ${server.said()}`);
    }
    const left = [...(await leftovers()), ...processesOf(data).map((pid) => `process ${pid}`)];
    const breaches = await checkPromise({
      storage,
      artifacts,
      acceptances: clients.acceptances,
      canceledBeforeStart: clients.canceledBeforeStart,
      executions: executionsIn(notes),
      printed: printedBy,
      writes: linesOf(join(notes, noteFiles.history)).map((line) => JSON.parse(line) as Write),
      left,
    });
    const all = await allRuns(storage);
    const keys = new Set(clients.acceptances.map(({ key }) => key));
    // Before what there may be much of.
    if (keys.size !== all.length) failures.push(`I9: ${keys.size} keys came to ${all.length} runs`);
    failures.push(...breaches.map(describeBreach));
    for (const run of all) {
      const kind = run.taskName as Kind;
      if ([endsAs[kind], ...(allowed[kind] ?? [])].includes(run.state)) continue;
      const why = 'reason' in run ? ` (${run.reason}: ${run.message})` : '';
      failures.push(`${run.id}, a run of ${kind}, is ${run.state}${why}`);
    }
    const count = (...invariants: string[]): number =>
      new Set(breaches.flatMap(({ invariant, runId, what }) => (invariants.includes(invariant) ? [runId ?? what] : [])))
        .size;
    if (failures.length > mostFailures)
      failures.splice(mostFailures, failures.length, `and ${failures.length - mostFailures} more`);
    if (failures.length > 0)
      failures.push(
        ...linesOf(join(notes, noteFiles.log))
          .filter((line) => !line.includes('no sandbox'))
          .slice(-8)
          .map((line) => `log: ${line.slice(0, 400)}`),
      );
    return {
      ...nothingYet(),
      lines: lines.map((line) => `${options.name}: ${line}`),
      failures: failures.map((failure) => `${options.name}: ${failure}`),
      faults,
      runs: all.length,
      lost: count('I1'),
      startedTwice: count('I2'),
      containersLeft: left.length,
    };
  };

  return {
    setting,
    root,
    callers: clients,
    start: async (given) => {
      const server = await startServer(setting, given);
      callAt(server);
      return server;
    },
    callAt,
    runs: () => allRuns(storage),
    executions: () => executionsIn(notes),
    settle,
    judge,
    close: async () => {
      clients.close();
      for (const server of servers) if (server.isUp()) await server.kill();
      await storage.close();
      for (const pid of processesOf(data)) endProcess(pid);
      await options.closeData?.();
      await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

/** Carries a scenario out in a scene of its own. What it throws is a failure of the scenario. */
export async function inScene(
  options: SceneOptions,
  play: (scene: Scene) => Promise<ScenarioOutcome>,
): Promise<ScenarioOutcome> {
  const scene = await openScene(options);
  try {
    return await play(scene);
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...nothingYet(), failures: [`${options.name}: ${why}`] };
  } finally {
    await scene.close();
  }
}

/** What the user code wrote about itself, in the order of its beginnings. */
function executionsIn(notes: string): Execution[] {
  const executions = new Map<string, Execution>();
  for (const line of linesOf(join(notes, noteFiles.executions))) {
    const [what, runId = '', attempt, id = '', exitCode] = line.split(' ');
    if (what === 'begin') executions.set(id, { runId, attempt: Number(attempt), id, ended: false });
    const begun = executions.get(id);
    if (what === 'end' && begun !== undefined) Object.assign(begun, { ended: true, exitCode: Number(exitCode) });
  }
  return [...executions.values()];
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
}
