import type { Setting } from './setting.ts';

/** Kinds of tasks, one definition each. */
export const kinds = ['Quick', 'Slow', 'Long', 'Failing', 'Retried', 'Canceled', 'Endless'] as const;
export type Kind = (typeof kinds)[number];

interface Task {
  /** Lines of shell between the first and the last line that are printed. */
  body: string;
  definition?: Record<string, unknown>;
}

/** `Endless` runs until something ends it: its runSeconds, or what a scenario does to it. */
const tasks: Record<Kind, Task> = {
  Quick: { body: '' },
  Slow: { body: 'sleep 2' },
  Long: {
    body: 'sleep 5',
    definition: { retry: { maxAttempts: 9, on: ['start', 'lost'], backoff: { initialSeconds: 0 } } },
  },
  Failing: { body: 'status=3' },
  Retried: {
    body: '[ "$ERRAND_ATTEMPT" -gt 1 ] || status=75',
    definition: {
      retry: { maxAttempts: 9, on: ['exitCode', 'start', 'lost'], backoff: { initialSeconds: 1, maxSeconds: 2 } },
    },
  },
  Canceled: { body: 'sleep 60' },
  Endless: { body: 'sleep 60' },
};

/** How a run of each kind ends where only itself has a say. */
export const endsAs: Record<Kind, string> = {
  Quick: 'succeeded',
  Slow: 'succeeded',
  Long: 'succeeded',
  Failing: 'failed',
  Retried: 'succeeded',
  Canceled: 'canceled',
  Endless: 'timedOut',
};

const lines = 20;

export const scriptNameOf = (kind: Kind): string => `${kind}.sh`;

/** `more` replaces fields of the usual definition. */
export function definitionOf(
  kind: Kind,
  driver: Setting['driver'],
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    taskName: kind,
    dockerImage: 'errand-minimal:local',
    scriptName: scriptNameOf(kind),
    scriptParameters: [{ parameterName: 'Tally', parameterType: 'string', required: true }],
    resources: { cpu: 1, memoryInGB: 0.0625 },
    timeouts: { queueSeconds: 300, startSeconds: 120, runSeconds: 40, graceSeconds: 1 },
    ...(driver === 'docker' ? { container: { network: 'none' } } : {}),
    ...tasks[kind].definition,
    ...more,
  };
}

/** Counts its own executions, apart from everything that Errand keeps, before and after it prints what is checked to the byte. */
export function executableOf(kind: Kind): string {
  return `#!/bin/sh
IFS= read -r id </proc/sys/kernel/random/uuid
status=0
printf 'begin %s %s %s\\n' "$ERRAND_RUN_ID" "$ERRAND_ATTEMPT" "$id" >>"$Tally"
printf 'begin %s\\n' "$id"
line=0
while [ $line -lt ${lines} ]; do
  printf 'line %s of %s\\n' "$line" "$id"
  line=$((line + 1))
done
${tasks[kind].body}
printf 'end %s\\n' "$id"
printf 'end %s %s %s %s\\n' "$ERRAND_RUN_ID" "$ERRAND_ATTEMPT" "$id" "$status" >>"$Tally"
exit $status
`;
}

/** All that an execution prints that comes to its end. */
export function printedBy({ id }: { id: string }): string {
  return [`begin ${id}`, ...Array.from({ length: lines }, (_, line) => `line ${line} of ${id}`), `end ${id}`, ''].join(
    '\n',
  );
}
