import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { dockerClient } from '../../../../scripts/docker-client.ts';
import type { RunRecord } from '../../../../src/core/run-record.ts';
import { faultyEngine, type FaultyEngine } from '../../../crash/support/faulty-engine.ts';
import { pause, until } from '../../../crash/support/processes.ts';
import { nothingYet, type ScenarioOutcome } from '../outcome.ts';
import { ownEngine, type OwnEngine } from '../support/own-engine.ts';
import { inScene, type Scene } from '../support/scene.ts';
import type { Kind } from '../support/tasks.ts';

export interface DaemonOptions {
  /** How the engine is stopped, one after the other. */
  stops: readonly ('SIGTERM' | 'SIGKILL')[];
}

const downForMs = 1_000;
const mixture: readonly Kind[] = ['Slow', 'Long', 'Endless', 'Quick'];

/** A Docker engine of the scenario's own is restarted under running tasks. */
export async function daemonRestarted({ stops }: DaemonOptions): Promise<ScenarioOutcome> {
  const home = await mkdtemp(join(tmpdir(), 'errand-own-engine-'));
  const engine = await ownEngine(home);
  if ('reason' in engine)
    return { ...nothingYet(), lines: [`engine restarted: left out, ${engine.reason}`], leftOut: engine.reason };
  const sockets = await mkdtemp(join(tmpdir(), 'errand-own-sockets-'));
  try {
    return await onEngine(engine, sockets, stops);
  } finally {
    await engine.close();
    await rm(sockets, { recursive: true, force: true });
  }
}

async function onEngine(engine: OwnEngine, sockets: string, stops: DaemonOptions['stops']): Promise<ScenarioOutcome> {
  const docker = dockerClient(engine.dockerHost);
  const containers = async (): Promise<string[]> => {
    const all = await docker.listContainers({ all: true, filters: { label: ['errand.run'] } });
    return all.map(({ Id, Names }) => Names[0]?.slice(1) ?? Id);
  };
  let between: FaultyEngine | undefined;
  // Gives each runner the directory where executions are counted.
  const prepare = async (notes: string): Promise<string> => {
    const tally = join(notes, 'tally');
    const judge = () => Promise.resolve('pass' as const);
    between = await faultyEngine({ directory: sockets, dockerHost: engine.dockerHost, tally, judge });
    return between.survivorHost;
  };
  const options = {
    name: 'engine restarted',
    driver: 'docker' as const,
    dockerHost: prepare,
    tallySeen: '/tally/executions',
    containers,
  };
  try {
    return await inScene(options, async (scene) => {
      const failures: string[] = [];
      let underWay = 0;
      await scene.start();
      for (const [round, signal] of stops.entries()) {
        const ids = await Promise.all(mixture.map((kind, at) => scene.callers.run(`engine-${round}-${at}`, kind)));
        const [, long = ''] = ids;
        const twoWithLong = async () => (await running(scene, [long])) === 1 && (await running(scene, ids)) >= 2;
        if (!(await until(60_000, twoWithLong))) failures.push('two runs at once were never under way');
        underWay += await running(scene, ids);
        await engine.stop(signal);
        await pause(downForMs);
        // Accepted although no engine answers.
        const meanwhile = scene.callers.run(`engine-${round}-meanwhile`, 'Quick');
        await pause(downForMs);
        await engine.start();
        await meanwhile;
      }
      if (!(await scene.settle())) failures.push('it did not come to rest');
      const runs = await scene.runs();
      failures.push(...endFailures(runs, stops));
      const ends = Object.entries(
        Object.groupBy(runs, (run) => ('reason' in run ? `${run.state} (${run.reason})` : run.state)),
      );
      const lines = [
        `stopped by ${stops.join(', ')} with ${underWay} tasks under way; ends: ${ends.map(([end, all]) => `${all?.length} ${end}`).join(', ')}`,
      ];
      return scene.judge({
        faults: stops.length,
        lines,
        failures,
        allowed: { Slow: taken, Quick: taken, Endless: taken },
      });
    });
  } finally {
    await between?.close();
  }
}

/** A container that is stopped in good order can still report by which signal its task ended; one that is killed is known to be lost. */
const taken = ['failed', 'lost'];
/** Of a task that was stopped, of a runner that was about to start one, and of a runner that could not yet be told anything. */
const takenMessage =
  /its container was stopped from outside$|asked to stop before the task|ended with exit code (137|143) before the executable started/;

/** Whatever the engine took away says so, and was tried again where its task asks for that. */
function endFailures(runs: readonly RunRecord[], stops: DaemonOptions['stops']): string[] {
  const failures = runs.flatMap((run) =>
    run.state === 'failed' && !takenMessage.test(run.message)
      ? [`${run.id}, a run of ${run.taskName}, failed: ${run.message}`]
      : [],
  );
  const repeated = runs.filter(({ taskName, attempts }) => taskName === 'Long' && attempts.length > 1).length;
  const inGoodOrder = stops.filter((signal) => signal === 'SIGTERM').length;
  if (repeated < inGoodOrder)
    failures.push(`${repeated} runs that the engine took away were tried again, not ${inGoodOrder}`);
  return failures;
}

/** How many of these execute at this moment. */
async function running(scene: Scene, ids: readonly string[]): Promise<number> {
  const open = scene.executions().filter(({ ended, runId }) => !ended && ids.includes(runId));
  const states = new Map((await scene.runs()).map(({ id, state }) => [id, state]));
  return open.filter(({ runId }) => states.get(runId) === 'running').length;
}
