import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { taskDefinitionSchema } from '../../src/contract/task-definition.ts';
import type { RunnerSpec } from '../../src/core/ports/runner-driver.ts';

/** Stands in for `script-runner.sh`: leaves a mark for each start, then carries out the lines in the exchange. */
const standIn = 'echo started >>"$1/starts"\n. "$1/lines"\n';

export interface StandInRunner {
  root: string;
  /** Path of the script that drivers are given. */
  runnerScript: string;
  instanceId: string;
  prepare(lines: string, changes?: Partial<RunnerSpec>): Promise<RunnerSpec>;
  starts(spec: RunnerSpec): Promise<number>;
  /** A file that a task left in its exchange. */
  left(spec: RunnerSpec, file: string): Promise<string>;
  dispose(): Promise<void>;
}

/** A directory with exchanges whose runners do what a test tells them to. */
export async function standInRunner(image: string): Promise<StandInRunner> {
  const root = await mkdtemp(join(tmpdir(), 'errand-runners-'));
  const runnerScript = join(root, 'stand-in.sh');
  await writeFile(runnerScript, standIn, { mode: 0o555 });
  const instanceId = randomBytes(8).toString('hex');
  const definition = taskDefinitionSchema.parse({ taskName: 'StandIn', dockerImage: image, scriptName: 'none.sh' });

  return {
    root,
    runnerScript,
    instanceId,

    async prepare(lines, changes = {}) {
      const runId = randomBytes(13).toString('hex');
      const exchange = join(root, 'exchanges', runId);
      const executable = join(root, 'executables', runId);
      await mkdir(exchange, { recursive: true });
      await chmod(exchange, 0o777);
      await mkdir(executable, { recursive: true });
      await writeFile(join(exchange, 'lines'), `${lines}\n`);
      return {
        name: `errand-${runId}-1`,
        runId,
        attempt: 1,
        taskName: 'StandIn',
        place: 'local',
        instanceId,
        image,
        resources: { cpu: 1, memoryInGB: 0.0625 },
        container: definition.container,
        identity: undefined,
        access: { kind: 'directory', exchange, executable },
        graceSeconds: 1,
        ...changes,
      };
    },

    async starts(spec) {
      const marks = await readFile(join(exchangeOf(spec), 'starts'), 'utf8').catch(() => '');
      return marks.split('\n').length - 1;
    },

    left: async (spec, file) => readFile(join(exchangeOf(spec), file), 'utf8'),

    dispose: async () => rm(root, { recursive: true, force: true }),
  };
}

function exchangeOf({ access }: RunnerSpec): string {
  if (access.kind !== 'directory') throw new Error('the stand-in runner has exchanges by directory only');
  return access.exchange;
}
