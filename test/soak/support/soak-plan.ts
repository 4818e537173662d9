import { seededRandom } from '../../../emulator/random.ts';
import { secretOf } from './secret-forms.ts';
import { kindNames, shareOf, type KindName } from './task-kinds.ts';

/** One request of one client. */
export interface SoakTask {
  key: string;
  kind: KindName;
  /** What the task is told; its meaning is the kind's. */
  number: number;
  secret?: string;
  /** How long after its acceptance it is canceled, in milliseconds. */
  cancelAfterMs?: number;
  /** The client sends the request once more though it has its answer. */
  repeats: boolean;
}

/** A death of the orchestrator. */
export interface Kill {
  /** How many requests must have been accepted, and runs ended, together. */
  after: number;
  /** From then on, or from the start of this orchestrator. */
  delayMs: number;
}

export interface SoakPlan {
  seed: number;
  tasks: readonly SoakTask[];
  kills: readonly Kill[];
  /** Whether the platform starts the runner of this execution once more; asked once for each that ends. */
  startsAgain(): boolean;
}

export interface PlanOptions {
  seed: number;
  tasks: number;
  kills: number;
  /** What a task of the kind `printing` prints. */
  printBytes: number;
  /** Share of the executions after which the platform starts the runner once more. */
  startedAgain: number;
  /** All of them unless given. */
  kinds?: readonly KindName[];
}

const canceled = 0.12;
const repeated = 0.1;
const printersInAThousand = 5;

/** Who asks for what, and when the orchestrator dies: all of it follows from the seed. What comes of it hangs on the machine as well. */
export function makeSoakPlan(options: PlanOptions): SoakPlan {
  const { seed, tasks: count, kills, printBytes, startedAgain, kinds: allowed = kindNames } = options;
  const random = seededRandom(seed);
  const whole = (least: number, most: number): number => least + Math.floor(random.next() * (most - least + 1));

  function numberOf(kind: KindName): number {
    switch (kind) {
      case 'long':
        return whole(2, 8);
      case 'failing':
        return whole(1, 125);
      case 'printing':
        return printBytes;
      default:
        return 0;
    }
  }

  // Each kind is there at least once; what is left over is quick.
  const kinds = allowed.flatMap((kind) => {
    const share = kind === 'printing' ? printersInAThousand / 1000 : shareOf(kind) / 100;
    return Array<KindName>(Math.max(1, Math.round(count * share))).fill(kind);
  });
  while (kinds.length < count) kinds.push('quick');
  // The first are those with the least share, so that none of them is cut off.
  kinds.sort((a, b) => shareOf(a) - shareOf(b));
  const chosen = kinds.slice(0, count);
  for (let at = chosen.length - 1; at > 0; at -= 1) {
    const other = whole(0, at);
    const [here = 'quick', there = 'quick'] = [chosen[at], chosen[other]];
    chosen[at] = there;
    chosen[other] = here;
  }

  const tasks = chosen.map((kind, at): SoakTask => {
    const isCanceled = random.next() < canceled && kind !== 'printing';
    const delayMs = Math.floor(random.next() ** 2 * 4_000);
    return {
      key: `soak-${seed}-${at}`,
      kind,
      number: numberOf(kind),
      ...(kind === 'secret' ? { secret: secretOf(random.hex(20)) } : {}),
      ...(isCanceled ? { cancelAfterMs: delayMs } : {}),
      repeats: random.next() < repeated,
    };
  });
  const deaths = Array.from({ length: kills }, (): Kill => {
    const isEarly = random.next() < 0.3;
    return { after: whole(0, count * 2 - 1), delayMs: whole(0, isEarly ? 200 : 1_200) };
  });
  return {
    seed,
    tasks,
    kills: deaths.toSorted((a, b) => a.after - b.after),
    startsAgain: () => random.next() < startedAgain,
  };
}
