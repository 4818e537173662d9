import type { RunState } from '../../../src/contract/run.ts';
import type { DriverName, ScenarioName } from './crash-case.ts';

export interface Scenario {
  /** Idempotency keys of the requests, in their order. */
  keys: readonly string[];
  /** Cancel as soon as the first run is in this state. */
  cancelWhen?: 'starting' | 'running';
  /** Of each run, in the end. */
  state: RunState;
  exitCode?: number;
  /** How often the user code of each run may have begun. */
  executions: { least: number; most: number };
  /** Fields of the definition that differ. */
  definition?: Record<string, unknown>;
  /** Lines of shell after the head that all tasks share. */
  body: string;
  /** What these lines print. */
  prints: string;
  /** First line of the executable. */
  interpreter?: string;
  /** The victim recovers what another left at this point. */
  crashedBefore?: string;
}

const once = { least: 1, most: 1 };

const scenarios: Record<ScenarioName, Scenario> = {
  success: { keys: ['a'], state: 'succeeded', exitCode: 0, executions: once, body: 'sleep 0.2', prints: '' },
  retry: {
    keys: ['a'],
    state: 'failed',
    exitCode: 3,
    executions: { least: 2, most: 2 },
    definition: { retry: { maxAttempts: 2, on: ['exitCode'], backoff: { initialSeconds: 0 } } },
    body: 'status=3',
    prints: '',
  },
  cancelRunning: {
    keys: ['a'],
    cancelWhen: 'running',
    state: 'canceled',
    executions: { least: 0, most: 1 },
    body: 'sleep 30',
    prints: '',
  },
  cancelStarting: {
    keys: ['a'],
    cancelWhen: 'starting',
    state: 'canceled',
    executions: { least: 0, most: 1 },
    body: 'sleep 30',
    prints: '',
  },
  startFailure: { keys: ['a'], state: 'failed', executions: { least: 0, most: 0 }, body: '', prints: '' },
  secret: {
    keys: ['a'],
    state: 'succeeded',
    exitCode: 0,
    executions: once,
    body: String.raw`printf 'the secret is %s\n' "$Secret"`,
    prints: 'the secret is ***\n',
  },
  slot: {
    keys: ['a', 'b'],
    state: 'succeeded',
    exitCode: 0,
    executions: once,
    definition: { concurrency: { limit: 1 } },
    body: 'sleep 0.1',
    prints: '',
  },
  recovery: {
    keys: ['a'],
    state: 'succeeded',
    exitCode: 0,
    executions: once,
    body: 'sleep 0.2',
    prints: '',
    crashedBefore: 'driver.create:1:before',
  },
};

/** Nobody pulls from a port where nobody listens. */
export const missingImage = '127.0.0.1:1/errand-not-there:local';
const image = 'errand-minimal:local';
const missingInterpreter = '/nowhere/interpreter';

export function scenarioOf(name: ScenarioName, driver: DriverName): Scenario {
  const scenario = scenarios[name];
  return name === 'startFailure' && driver === 'process' ? { ...scenario, interpreter: missingInterpreter } : scenario;
}

export const taskName = 'Crash';
export const scriptName = 'crash.sh';
/** Told to the task of the scenario `secret`, and to be found nowhere afterwards. */
export const secretValue = 'Zauberwort-4711-geheim';
const logLines = 50;

/** Curl takes more than a shell, and container groups have no less than this. */
const memory: Readonly<Record<DriverName, number>> = { process: 0.0625, docker: 0.0625, dockerAzure: 0.125, azure: 1 };

export function definitionOf(name: ScenarioName, driver: DriverName): Record<string, unknown> {
  return {
    taskName,
    dockerImage: name === 'startFailure' ? missingImage : image,
    scriptName,
    scriptParameters: [
      { parameterName: 'Tally', parameterType: 'string', required: true },
      ...(name === 'secret' ? [{ parameterName: 'Secret', parameterType: 'secret', required: true }] : []),
    ],
    resources: { cpu: 1, memoryInGB: memory[driver] },
    timeouts: { queueSeconds: 120, startSeconds: 60, runSeconds: 40, graceSeconds: 1 },
    ...(driver === 'docker' ? { container: { network: 'none' } } : {}),
    ...scenarios[name].definition,
  };
}

export function parametersOf(name: ScenarioName, tally: string): { name: string; value: string }[] {
  return [{ name: 'Tally', value: tally }, ...(name === 'secret' ? [{ name: 'Secret', value: secretValue }] : [])];
}

/** Counts its own executions, apart from everything that Errand keeps, before and after it prints what is checked to the byte. */
export function executableOf(name: ScenarioName, driver: DriverName): string {
  const { interpreter = '/bin/sh', body } = scenarioOf(name, driver);
  return `#!${interpreter}
IFS= read -r id </proc/sys/kernel/random/uuid
note() { printf '%s %s %s %s\\n' "$1" "$ERRAND_RUN_ID" "$ERRAND_ATTEMPT" "$id" ${counted(driver)}; }
note begin
printf 'begin %s\\n' "$id"
line=0
while [ $line -lt ${logLines} ]; do
  printf 'line %s of %s\\n' "$line" "$id"
  line=$((line + 1))
done
printf '{"execution":"%s"}' "$id" >"$ERRAND_OUTPUT"
status=0
${body}
printf 'end %s\\n' "$id"
note end
exit $status
`;
}

/** Where a line of the tally goes. A container group may have no directory in common with the harness. */
function counted(driver: DriverName): string {
  const upload = 'curl -fsS --data-binary @- "$Tally"';
  return driver === 'azure' ? `| case $Tally in http:*) ${upload} ;; *) cat >>"$Tally" ;; esac` : '>>"$Tally"';
}

/** All that an execution prints; without its end where it was stopped. */
export function printedBy(name: ScenarioName, id: string, whole: boolean): string {
  const lines = Array.from({ length: logLines }, (_, line) => `line ${line} of ${id}\n`).join('');
  return `begin ${id}\n${lines}${whole ? `${scenarios[name].prints}end ${id}\n` : ''}`;
}
