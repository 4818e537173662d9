import type { TerminalState } from '../../../src/contract/run.ts';
import type { TaskDefinitionDocument } from '../../../src/contract/task-definition.ts';
import { logMaxBytes, type PlaceName } from './soak-setting.ts';

export const kindNames = [
  'quick',
  'long',
  'failing',
  'retried',
  'stubborn',
  'forking',
  'clinging',
  'hungry',
  'printing',
  'secret',
] as const;
export type KindName = (typeof kindNames)[number];

/** How a run ends that nobody cancels. */
export interface ExpectedEnd {
  state: TerminalState;
  /** Undefined where the kernel has a say in it. */
  exitCode?: number;
  reason?: string;
  executions: number;
  /** Of its log: cut at its cap, held open by somebody else, or whole. */
  log: 'whole' | 'capped' | 'held';
}

interface Kind {
  /** How many of a hundred tasks; of those that print a gigabyte there are five in a thousand. */
  share: number;
  definition?: Partial<TaskDefinitionDocument>;
  /** Shell, after the head that all tasks share. `$Number` is the task's own. */
  body: string;
  /** What these lines print, where that is the same everywhere. */
  prints?: (number: number) => string;
  end: (number: number) => ExpectedEnd;
}

const succeeds: ExpectedEnd = { state: 'succeeded', exitCode: 0, executions: 1, log: 'whole' };
const lines = 20;
/** Until the runner is told to, or its container goes. */
const outliving = 900;
const quietly = '</dev/null >/dev/null 2>&1';

const kinds: Record<KindName, Kind> = {
  quick: {
    share: 38,
    body: `line=0\nwhile [ $line -lt ${lines} ]; do\n  printf 'line %s\\n' $line\n  line=$((line + 1))\ndone`,
    prints: () => Array.from({ length: lines }, (_, line) => `line ${line}\n`).join(''),
    end: () => succeeds,
  },
  /** `$Number` is how many times it sleeps for half a second. */
  long: {
    share: 12,
    body: `beat=0\nwhile [ $beat -lt $Number ]; do\n  printf 'beat %s\\n' $beat\n  sleep 0.5\n  beat=$((beat + 1))\ndone`,
    prints: (number) => Array.from({ length: number }, (_, beat) => `beat ${beat}\n`).join(''),
    end: () => succeeds,
  },
  failing: {
    share: 12,
    body: 'status=$Number',
    prints: () => '',
    end: (exitCode) => ({ state: 'failed', reason: 'exitCode', exitCode, executions: 1, log: 'whole' }),
  },
  retried: {
    share: 6,
    definition: { retry: { maxAttempts: 2, on: ['exitCode'], exitCodes: [75], backoff: { initialSeconds: 0.1 } } },
    body: 'status=75',
    prints: () => '',
    end: () => ({ state: 'failed', reason: 'exitCode', exitCode: 75, executions: 2, log: 'whole' }),
  },
  stubborn: {
    share: 6,
    definition: { timeouts: { runSeconds: 3, graceSeconds: 1 } },
    body: "trap '' TERM INT HUP\nwhile :; do sleep 0.3; done",
    prints: () => '',
    end: () => ({ state: 'timedOut', reason: 'runTimeout', exitCode: 137, executions: 1, log: 'whole' }),
  },
  /** A child in a session of its own, one whose parents are gone, and one that is just left behind. */
  forking: {
    share: 8,
    body: [
      `setsid sleep ${outliving} ${quietly} &`,
      `(setsid sh -c 'sleep ${outliving} & sleep ${outliving} & exit' ${quietly} &)`,
      `((sleep ${outliving} ${quietly} &) &)`,
      `sleep ${outliving} ${quietly} &`,
    ].join('\n'),
    prints: () => '',
    end: () => succeeds,
  },
  clinging: {
    share: 2,
    body: `setsid sleep ${outliving} </dev/null &`,
    end: () => ({ ...succeeds, log: 'held' }),
  },
  /** Where there is a limit it goes beyond it, else it has enough at some point. */
  hungry: {
    share: 6,
    body: '',
    end: () => succeeds,
  },
  /** `$Number` is how many bytes. */
  printing: {
    share: 0,
    body: "yes 'It goes on and on, and nobody will ever read all of it here.' | head -c $Number",
    end: () => ({ ...succeeds, log: 'capped' }),
  },
  secret: {
    share: 10,
    body: [String.raw`printf 'the secret is %s\n' "$Secret"`, String.raw`printf '%s' "$Secret" | base64`].join('\n'),
    end: () => succeeds,
  },
};

const eats = { some: 32 * 1024 * 1024, limitInGB: 0.0625 } as const;

export function shareOf(kind: KindName): number {
  return kinds[kind].share;
}

export function expectedEnd(kind: KindName, number: number, place: PlaceName): ExpectedEnd {
  if (kind === 'hungry' && place === 'docker')
    return { state: 'failed', reason: 'outOfMemory', executions: 1, log: 'whole' };
  return kinds[kind].end(number);
}

/** All that an execution prints that comes to its end; undefined where that is not known to the byte. */
export function printedBy(kind: KindName, number: number, id: string): string | undefined {
  const own = kinds[kind].prints?.(number);
  return own === undefined ? undefined : `begin ${id}\n${own}end ${id}\n`;
}

/** How many bytes a task of the kind `printing` prints in all. */
export function bytesPrinted(number: number, id: string): number {
  return `begin ${id}\nend ${id}\n`.length + number;
}

/** The line that ends a log at its cap; the file size limit of the kernel has units of 512 or 1,024 bytes, and the cap is a multiple of both. */
export const capMark = `[errand: log truncated after ${logMaxBytes} bytes]\n`;
export const heldMark = '[errand: log ends here: a process that outlived the task still has it open]\n';

export function taskNameOf(kind: KindName): string {
  return `Soak-${kind}`;
}

export interface DefinitionOptions {
  place: PlaceName;
  image: string;
  /** Marks the processes of this soak. */
  environment: Record<string, string>;
}

export function definitionOf(kind: KindName, { place, image, environment }: DefinitionOptions): TaskDefinitionDocument {
  return {
    taskName: taskNameOf(kind),
    dockerImage: image,
    scriptName: `${taskNameOf(kind)}.sh`,
    scriptParameters: [
      { parameterName: 'Tally', parameterType: 'string', required: true },
      { parameterName: 'Number', parameterType: 'int', required: true },
      ...(kind === 'secret' ? [{ parameterName: 'Secret', parameterType: 'secret' as const, required: true }] : []),
    ],
    environment,
    resources: { cpu: 1, memoryInGB: place === 'docker' ? eats.limitInGB : 1 },
    timeouts: { runSeconds: 600, graceSeconds: 1, startSeconds: 300 },
    ...(place === 'docker' ? { container: { network: 'none' as const } } : {}),
    ...kinds[kind].definition,
  };
}

/** Counts its own executions, apart from everything that Errand keeps, in lines that are each appended in one piece. */
export function executableOf(kind: KindName, place: PlaceName): string {
  return `#!/bin/sh
IFS= read -r id </proc/sys/kernel/random/uuid
note() { printf '%s %s %s %s %s\\n' "$1" "$ERRAND_RUN_ID" "$ERRAND_ATTEMPT" "$id" "$2" >>"$Tally"; }
note begin -
printf 'begin %s\\n' "$id"
status=0
${kind === 'hungry' ? hunger(place) : kinds[kind].body}
printf 'end %s\\n' "$id"
note end $status
exit $status
`;
}

function hunger(place: PlaceName): string {
  const enough = place === 'docker' ? '1' : `length(eaten) < ${eats.some}`;
  return `awk 'BEGIN { eaten = "0123456789abcdef"; while (${enough}) eaten = eaten eaten }' || status=$?`;
}
