import { parseArgs } from 'node:util';

import { dockerClient } from '../../scripts/docker-client.ts';
import { ensureDocker } from '../../scripts/docker-engine.ts';
import { buildMinimalImage } from '../../scripts/images.ts';
import { openPlace } from './support/open-place.ts';
import { soak, type Soaked } from './support/soak.ts';
import { caught, soakControls, type SoakControl } from './support/soak-controls.ts';
import { makeSoakPlan } from './support/soak-plan.ts';
import { describeSoak, sumOf } from './support/soak-report.ts';
import { placeNames, variantNames, type PlaceName, type VariantName } from './support/soak-setting.ts';

/** How many tasks, and deaths of the orchestrator, where nothing else is asked for. */
const sizes: Record<PlaceName, { tasks: number; kills: number }> = {
  process: { tasks: 1_000, kills: 120 },
  instant: { tasks: 1_000, kills: 120 },
  docker: { tasks: 200, kills: 40 },
};
const gigabyte = 1024 ** 3;

interface Asked {
  seed: number;
  places: readonly PlaceName[];
  tasks: number | undefined;
  kills: number | undefined;
  control: VariantName | undefined;
  /** To be done after the places. */
  controls: readonly SoakControl[];
}

/** One place after the other. docs/soak.md says what is done there. */
async function main(asked: Asked): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const { seed, control } = asked;
  say(`seed ${seed}${control === undefined ? '' : `, without what ${control} takes away`}`);
  const engine = asked.places.includes('docker') ? await ensureDocker({ log }) : undefined;
  const dockerHost = engine?.kind === 'ready' ? engine.dockerHost : undefined;
  const all: Soaked[] = [];
  const failures: string[] = [];
  try {
    if (dockerHost !== undefined) await buildMinimalImage(dockerClient(dockerHost), { log });
    for (const name of asked.places) {
      if (name === 'docker' && engine?.kind === 'unavailable') {
        failures.push(`docker was left out: ${engine.reason}`);
        continue;
      }
      const tasks = asked.tasks ?? sizes[name].tasks;
      const kills = asked.kills ?? Math.ceil((tasks * sizes[name].kills) / sizes[name].tasks);
      const plan = makeSoakPlan({ seed, tasks, kills, printBytes: gigabyte, startedAgain: 0.1 });
      const place = await openPlace(name, { variant: control, dockerHost });
      try {
        const patienceMs = control === undefined ? 120_000 : 30_000;
        const soaked = await soak(place, plan, { patienceMs, log: (line) => log(`${name}: ${line}`) });
        all.push(soaked);
        say(`${name}: ${describeSoak(soaked)}`);
        failures.push(...soaked.breaches.map((breach) => `${name}: ${breach}`));
      } finally {
        await place.close();
      }
    }
    for (const each of asked.controls) {
      const breach = await caught(each, seed);
      say(`without what ${each.variant} takes away: ${breach === undefined ? 'NOT CAUGHT' : `caught: ${breach}`}`);
      if (breach === undefined) failures.push(`${each.variant} was not caught`);
    }
  } finally {
    if (engine !== undefined && engine.kind !== 'unavailable') await engine.stop();
  }
  for (const line of failures.slice(0, 50)) say(`BROKEN: ${line}`);
  if (failures.length > 0) say(`${failures.length} in all; again with: npm run soak -- --seed ${seed}`);
  say(describeSoak(sumOf(all)));
  return failures.length === 0 ? 0 : 1;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    tasks: { type: 'string' },
    kills: { type: 'string' },
    place: { type: 'string', multiple: true },
    control: { type: 'string' },
  },
});
const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
const named = <T extends string>(names: readonly T[], text: string): T => {
  const found = names.find((name) => name === text);
  if (found === undefined) throw new Error(`"${text}" is none of ${names.join(', ')}`);
  return found;
};
process.exitCode = await main({
  seed: number(values.seed) ?? Math.floor(Math.random() * 1e9),
  places: values.place?.map((text) => named(placeNames, text)) ?? ['process', 'instant', 'docker'],
  tasks: number(values.tasks),
  kills: number(values.kills),
  controls: values.place === undefined && values.control === undefined ? soakControls : [],
  control: values.control === undefined ? undefined : named(variantNames, values.control),
});
