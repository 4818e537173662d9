import type { CrashCase } from './crash-case.ts';
import type { Verdict } from './faulty-engine.ts';
import { pause } from './processes.ts';
import type { Victim } from './workers.ts';

/** A request that was sent before its sender died arrives when the lease of the attempt is over and others have begun to look. */
const lateMs = 1_200;

/** Says at each request of a victim to its platform what becomes of it, and of the victim. */
export interface FaultJudge {
  judge(point: string): Promise<Verdict>;
  /** From now on this one is judged, and points are counted anew. */
  meet(victim: Victim, its: CrashCase): void;
  points(): string[];
}

export function faultJudge(crash: CrashCase): FaultJudge {
  let victim: Victim | undefined;
  let told = crash;
  let points: string[] = [];
  return {
    points: () => points,
    meet: (newcomer, its) => {
      victim = newcomer;
      told = its;
      points = [];
    },
    judge: async (point) => {
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
    },
  };
}
