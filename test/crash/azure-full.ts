import { parseArgs } from 'node:util';

import { ensureDocker } from '../../scripts/docker-engine.ts';
import { ensurePackages, imagePackages } from '../../scripts/debian-packages.ts';
import { startAzurite } from '../support/azurite.ts';
import { containerWay, type ContainerWay } from './support/azure-containers.ts';
import { containerFaults } from './support/azure-faults.ts';
import { azureWorld } from './support/azure-world.ts';
import { azureControls, azureRestartControls, runControls } from './support/controls.ts';
import { describeCase, type DriverName } from './support/crash-case.ts';
import { dockerAzureControls } from './support/docker-azure-faults.ts';
import { dockerAzurePlaces } from './support/docker-azure-place.ts';
import { visitTheRest } from './support/kinds.ts';
import { lane } from './support/lane.ts';
import { makePlan, type Plan, type PlannedPoint } from './support/plan.ts';
import type { OpenPlace } from './support/place.ts';
import { readCase } from './support/read-case.ts';
import { reportOf } from './support/report.ts';
import { runAll, type Done } from './support/run-all.ts';
import { workers } from './support/workers.ts';

/** All scenarios on Azurite, with container groups of the emulator in rough weather and with containers of Docker. docs/crash-test.md says how to read what it prints. */
async function main({ everything, only }: { everything: boolean; only: string | undefined }): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const began = performance.now();
  const minutes = (): string => ((performance.now() - began) / 60_000).toFixed(1);
  const problem = await ensurePackages(imagePackages, { log });
  if (problem !== undefined) log(problem);
  const engine = await ensureDocker({ log });
  const processes = workers();
  const azurite = await startAzurite();
  const rough = await azureWorld({ azurite, weather: 'rough' });
  const calm = await azureWorld({ azurite, weather: 'calm' });
  const restarting = await azureWorld({ azurite, weather: 'restarting' });
  const containers = engine.kind === 'unavailable' ? undefined : await containerWay(engine.dockerHost, azurite);
  const dockerPlaces = containers === undefined ? undefined : dockerAzurePlaces(azurite, containers);
  const drivers: DriverName[] = dockerPlaces === undefined ? ['azure'] : ['azure', 'dockerAzure'];
  const lanesIn = (open: OpenPlace) => [lane(processes, open), lane(processes, open)];
  const onDone = ({ crash, outcome }: Done<PlannedPoint>, count: number): void => {
    for (const line of outcome.violations) log(`${describeCase(crash)}: ${line}`);
    if (count % 50 === 0) log(`${count} done, ${minutes()} min`);
  };
  const tries = ({ byTiming }: PlannedPoint): number => (byTiming ? 3 : 8);
  try {
    const lanes = lanesIn((crash) =>
      crash.driver === 'dockerAzure' && dockerPlaces !== undefined ? dockerPlaces(crash) : rough.open(crash),
    );
    const wanted = only === undefined ? undefined : readCase(only, drivers);
    const plan: Plan =
      wanted === undefined
        ? await makePlan(lanes, drivers, everything)
        : { points: [wanted], leftOut: [], problems: [] };
    log(`${plan.points.length} points are planned`);
    const first = await runAll(lanes, plan.points, { tries, onDone });
    const done = wanted === undefined ? await visitTheRest(lanes, first, { onDone }) : first;
    const controls =
      wanted === undefined
        ? [
            ...(await runControls(lanesIn(calm.open), azureControls)),
            ...(await runControls(lanesIn(restarting.open), azureRestartControls)),
            ...(dockerPlaces === undefined ? [] : await runControls(lanesIn(dockerPlaces), dockerAzureControls)),
          ]
        : [];
    const contained = containers === undefined || wanted !== undefined ? [] : await withContainers(containers);
    const { lines, failures, closing } = reportOf(plan, [...done, ...contained], controls);
    if (engine.kind === 'unavailable') failures.push(`the parts with containers were left out: ${engine.reason}`);
    for (const line of lines) say(line);
    say('');
    for (const line of failures) say(`FAILED: ${line}`);
    say(`${minutes()} min; ${contained.length} of the crashes with container groups that are containers`);
    say(closing);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await processes.close();
    for (const world of [rough, calm, restarting]) await world.close();
    await containers?.close();
    await azurite.stop();
    if (engine.kind !== 'unavailable') await engine.stop();
  }

  async function withContainers(way: ContainerWay): Promise<Done<PlannedPoint>[]> {
    const world = await azureWorld({ azurite, weather: 'rough', containers: way });
    try {
      const points = containerFaults.map((fault): PlannedPoint => ({
        driver: 'azure',
        scenario: 'success',
        fault,
        byTiming: false,
      }));
      return await runAll(lanesIn(world.open), points, { tries, onDone });
    } finally {
      await world.close();
    }
  }
}

const { values } = parseArgs({
  options: { everything: { type: 'boolean', default: false }, only: { type: 'string' } },
});
process.exitCode = await main({ everything: values.everything, only: values.only });
