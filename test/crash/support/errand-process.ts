import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

import { ErrandError } from '../../../src/contract/errors.ts';
import { runRequestSchema } from '../../../src/contract/run-request.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Context } from '../../../src/core/context.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { RunRecord } from '../../../src/core/run-record.ts';
import { compose, type ComposeOptions, type Errand } from '../../../src/entry/compose.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { withWrites } from '../../promise/with-writes.ts';
import { openAzureErrand } from './azure-errand.ts';
import { isOnAzureStorage, noteFiles, shortPolicy, type Setting } from './crash-case.ts';
import { withCrashPoints, withPauses, type Pointer } from './crash-points.ts';
import { parametersOf, scenarioOf, taskName } from './scenarios.ts';
import { breakErrand } from './variants.ts';

export interface OpenErrand extends Errand {
  /** What is below the crash points. */
  plain: Context;
}

/** Errand as it is shipped, on the directory of a case. A pointer puts crash points around its ports, a variant breaks it. */
export async function openErrand(setting: Setting, pointer?: Pointer): Promise<OpenErrand> {
  const { data, driver, dockerHost, variant } = setting;
  const environment = { PATH: process.env['PATH'], ERRAND_DATA_DIR: data, DOCKER_HOST: dockerHost };
  const config = isOnAzureStorage(driver) ? undefined : serverConfig(environment, { driver });
  let plain: Context | undefined;
  const options: ComposeOptions = {
    logger: fileLogger(join(setting.notes, noteFiles.log)),
    clock: pointer === undefined ? systemClock : withPauses(systemClock, pointer),
    decorate: (context) => {
      plain = context;
      const maybeBroken = variant === undefined ? context : breakErrand(variant, context, setting, config);
      const history = join(setting.notes, noteFiles.history);
      const kept = withWrites(maybeBroken, (write) => appendFileSync(history, `${JSON.stringify(write)}\n`));
      return pointer === undefined ? kept : withCrashPoints(kept, pointer);
    },
  };
  const errand =
    config === undefined
      ? await openAzureErrand(setting, options)
      : await compose({ ...config, policy: shortPolicy }, options);
  return { ...errand, plain: plain ?? errand.context };
}

/** Asks for what has not been answered yet, as the clients of the scenario do. `onAnswer` is told each answer: a key, or `cancel`. */
export async function askFor(
  errand: OpenErrand,
  setting: Setting,
  answered: ReadonlySet<string>,
  onAnswer: (what: string, runId: string) => void,
): Promise<void> {
  const { keys, cancelWhen } = scenarioOf(setting.scenario, setting.driver);
  const local = setting.driver === 'docker' ? '/tally/executions' : join(setting.notes, noteFiles.executions);
  const tally = setting.azure?.tally ?? local;
  const request = runRequestSchema.parse({ taskName, parameters: parametersOf(setting.scenario, tally) });
  for (const key of keys) {
    if (answered.has(key)) continue;
    const { run } = await errand.orchestrator.accept(request, { principal: 'tester', idempotencyKey: key });
    onAnswer(key, run.id);
  }
  if (cancelWhen === undefined || answered.has('cancel')) return;
  const run = await untilState(errand.plain, cancelWhen);
  await errand.orchestrator.cancel(run.id, 'tester');
  onAnswer('cancel', run.id);
}

async function untilState({ storage, clock }: Context, state: 'starting' | 'running'): Promise<RunRecord> {
  for (;;) {
    const [run] = (await storage.listRuns({}, { limit: 1 })).runs;
    if (run !== undefined && run.state !== 'queued' && (state === 'starting' || run.state !== 'starting')) return run;
    await clock.sleep(5);
  }
}

/** Whether all runs of the case are there and nothing is left to do for them. Not while storage does not answer: Azurite once kept a request for 35 s. */
export async function isSettled({ storage }: Pick<Context, 'storage'>, expected: number): Promise<boolean> {
  try {
    const { runs } = await storage.listRuns({}, { limit: 100 });
    return runs.length >= expected && runs.every(({ open }) => !open);
  } catch (error) {
    if (error instanceof ErrandError && error.code === 'storageUnavailable') return false;
    throw error;
  }
}

function fileLogger(path: string): Logger {
  const write = (level: string) => (details: object, message: string) => {
    const err = 'err' in details ? details.err : 'error' in details ? details.error : undefined;
    const cause = err instanceof Error ? ` (${err.stack ?? err.message})` : '';
    appendFileSync(path, `${process.pid} ${level} ${message}${cause} ${JSON.stringify(details)}\n`);
  };
  return { debug: () => undefined, info: write('info'), warn: write('warn'), error: write('error') };
}
