import { parseArgs } from 'node:util';

import { dockerClient } from '../../scripts/docker-client.ts';
import { ensureDocker } from '../../scripts/docker-engine.ts';
import { ensurePackages, imagePackages } from '../../scripts/debian-packages.ts';
import { buildMinimalImage } from '../../scripts/images.ts';
import { dockerControls, processControls, runControls } from './support/controls.ts';
import { describeCase, type DriverName } from './support/crash-case.ts';
import { visitTheRest } from './support/kinds.ts';
import { lane } from './support/lane.ts';
import { localPlaces } from './support/local-place.ts';
import { makePlan, type Plan, type PlannedPoint } from './support/plan.ts';
import { readCase } from './support/read-case.ts';
import { reportOf } from './support/report.ts';
import { runAll, type Done } from './support/run-all.ts';
import { workers } from './support/workers.ts';

/** Both drivers, all scenarios, every planned point. docs/crash-test.md says how to read what it prints. */
async function main({ everything, only }: { everything: boolean; only: string | undefined }): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const began = performance.now();
  const problem = await ensurePackages(imagePackages, { log });
  if (problem !== undefined) log(problem);
  const engine = await ensureDocker({ log });
  const dockerHost = engine.kind === 'unavailable' ? undefined : engine.dockerHost;
  const drivers: DriverName[] = dockerHost === undefined ? ['process'] : ['process', 'docker'];
  const processes = workers();
  try {
    if (dockerHost !== undefined) await buildMinimalImage(dockerClient(dockerHost), { log });
    const places = localPlaces(dockerHost);
    const lanes = [lane(processes, places), lane(processes, places)];
    const wanted = only === undefined ? undefined : readCase(only, ['process', 'docker']);
    const plan: Plan =
      wanted === undefined
        ? await makePlan(lanes, drivers, everything)
        : { points: [wanted], leftOut: [], problems: [] };
    log(`${plan.points.length} points are planned`);
    const onDone = ({ crash, outcome }: Done<PlannedPoint>, count: number): void => {
      for (const line of outcome.violations) log(`${describeCase(crash)}: ${line}`);
      if (count % 50 === 0) log(`${count} of ${plan.points.length}, ${minutes(began)} min`);
    };
    const first = await runAll(lanes, plan.points, { tries: ({ byTiming }) => (byTiming ? 3 : 8), onDone });
    const done = wanted === undefined ? await visitTheRest(lanes, first, { onDone }) : first;
    const controls =
      wanted !== undefined
        ? []
        : await runControls(
            lanes,
            dockerHost === undefined ? processControls : [...processControls, ...dockerControls],
          );
    const { lines, failures, closing } = reportOf(plan, done, controls);
    if (engine.kind === 'unavailable') failures.push(`the docker half was left out: ${engine.reason}`);
    for (const line of lines) say(line);
    say('');
    for (const line of failures) say(`FAILED: ${line}`);
    say(`${minutes(began)} min`);
    say(closing);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await processes.close();
    if (engine.kind !== 'unavailable') await engine.stop();
  }
}

function minutes(since: number): string {
  return ((performance.now() - since) / 60_000).toFixed(1);
}

const { values } = parseArgs({
  options: { everything: { type: 'boolean', default: false }, only: { type: 'string' } },
});
process.exitCode = await main({ everything: values.everything, only: values.only });
