import { join } from 'node:path';

import { noteFiles, type CrashCase } from './crash-case.ts';
import { isSettled } from './errand-process.ts';
import { answersIn, linesOf, pointsIn } from './evidence.ts';
import { checkInvariants, type Verdicts } from './invariants.ts';
import type { OpenPlace } from './place.ts';
import { processState, until } from './processes.ts';
import { scenarioOf } from './scenarios.ts';
import type { Survivor, Workers } from './workers.ts';

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

export function lane(processes: Workers, openPlace: OpenPlace): Lane {
  let survivors: Survivor[] = [];

  async function run(crash: CrashCase): Promise<Outcome> {
    const began = performance.now();
    const { crashedBefore } = scenarioOf(crash.scenario, crash.driver);
    const place = await openPlace(crash);
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
      victim.begin({ ...place.setting(told), dockerHost: place.meet(victim, told) });
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

      const { storage, artifacts, close } = await place.open();
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
      await close();
      const violations = [...problems, ...verdicts.violations, ...(await place.problems())];
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
