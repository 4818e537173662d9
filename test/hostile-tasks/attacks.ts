import type { EndReason, TerminalState } from '../../src/contract/run.ts';
import { problemsOfReach } from './reach.ts';
import type { AttackFacts, Surroundings } from './support/attack-facts.ts';
import type { PlaceName } from './support/place.ts';

export interface End {
  state: TerminalState;
  reason: EndReason;
  exitCode?: number;
}

/** One task that means harm, and how it has to end. */
export interface Attack {
  /** File in `tasks/`, and the task's name in other words. */
  name: string;
  /** What of it is contained, for people. */
  about: string;
  definition?: Readonly<Record<string, unknown>>;
  /** Or the least that the place gives, where that is more. 0.3 unless given. */
  memoryInGB?: number;
  parameters?: (surroundings: Surroundings) => Readonly<Record<string, string>>;
  /** It is given a secret value, so that its output passes through the filter. */
  hasSecret?: boolean;
  /** What is looked at from outside while it runs. */
  watch?: 'engineLog' | 'processes';
  /** What a client does meanwhile; a cancel comes when the task has said that it is stubborn, or was refused a process. */
  meanwhile?: 'follow' | 'cancelStubborn' | 'cancelBomb';
  only?: PlaceName;
  ends: End;
  /** Another end that is as right: which one it is, is a matter of moments. */
  orEnds?: End;
  /** What else must be true; one line for each that is not. */
  judge?: (facts: AttackFacts, surroundings: Surroundings) => string[];
  /** What is said where containers get more than they were to have. */
  whenOpen?: RegExp;
}

const short = { runSeconds: 4, graceSeconds: 1 };
/** The kernel counts a process first and refuses it then (`pids_can_fork` in kernel/cgroup/pids.c), so for a moment its count has a few that never are. */
const countedToo = 16;
/** Of the docker driver, and of the emulator. */
const processLimit: Record<PlaceName, number> = { docker: 512, 'container groups': 1024 };
const mostEngineLog: Record<PlaceName, number> = { docker: 2.2e6, 'container groups': 17e6 };
const capBytes = 64 * 1024 * 1024;

export const isFull = process.env['HOSTILE_FULL'] === '1';
/** In the full form 10 GB, else as much as comes in a few seconds. */
const outputBytes = isFull ? 10e9 : 5e8;

export const attacks: readonly Attack[] = [
  {
    name: 'fork-bomb',
    about: 'processes are limited in number and ended together',
    watch: 'processes',
    meanwhile: 'cancelBomb',
    ends: { state: 'canceled', reason: 'canceled' },
    judge: processesLimited,
    whenOpen: /there were (?:\d{4}|[6-9]\d\d) processes/,
  },
  {
    name: 'scattered-bomb',
    about: 'also those that have left its group, though its runner then may have no process left to report with',
    // So long that a slow machine reaches the limit, too.
    definition: { timeouts: { runSeconds: 30, graceSeconds: 1 } },
    watch: 'processes',
    ends: { state: 'timedOut', reason: 'runTimeout' },
    orEnds: { state: 'lost', reason: 'noResult' },
    judge: processesLimited,
  },
  {
    name: 'memory',
    about: 'memory is limited, and the task is what the kernel takes',
    memoryInGB: 0.1,
    // A machine that is itself virtual may take minutes to hand out a gigabyte for the first time.
    definition: { timeouts: { runSeconds: 400, graceSeconds: 1 } },
    parameters: ({ place }) => ({ Bytes: String(Math.max(0.1, place.leastMemoryInGB) * 2e9) }),
    ends: { state: 'failed', reason: 'outOfMemory', exitCode: 137 },
    whenOpen: /succeeded, completed/,
  },
  {
    name: 'disk',
    about: 'no file is larger than 8 GiB, and no more is taken of the output than may be',
    only: 'docker',
    ends: { state: 'failed', reason: 'exitCode', exitCode: 27 },
    judge: outputsLimited,
  },
  {
    name: 'disk',
    about: 'no more is taken of the output than may be',
    only: 'container groups',
    ends: { state: 'succeeded', reason: 'completed', exitCode: 0 },
    judge: outputsLimited,
  },
  {
    name: 'full-tmp',
    about: 'with a read-only root there is room for 256 MiB in memory, and no more',
    only: 'docker',
    definition: { container: { readOnlyRoot: true } },
    memoryInGB: 0.6,
    ends: { state: 'failed', reason: 'exitCode', exitCode: 28 },
    judge: ({ log }) => (log.endsWith('No space left on device\n') ? [] : [`its log is ${log.slice(-200)}`]),
  },
  {
    name: 'output',
    about: 'the log is capped, what is beyond is counted, the task is not held up',
    definition: { timeouts: { runSeconds: 900, graceSeconds: 2 } },
    parameters: () => ({ Bytes: String(outputBytes) }),
    meanwhile: 'follow',
    ends: { state: 'succeeded', reason: 'completed', exitCode: 0 },
    judge: ({ run, log, followedBytes }) => {
      const mark = `[errand: log truncated after ${capBytes} bytes]\n`;
      const facts = run.log;
      const wrong: string[] = [];
      if (facts?.truncated !== true || !facts.complete) wrong.push(`its log is told to be ${JSON.stringify(facts)}`);
      if (facts?.droppedBytes !== outputBytes - capBytes)
        wrong.push(`${facts?.droppedBytes} bytes are told to be dropped, not ${outputBytes - capBytes}`);
      if (!log.endsWith(mark)) wrong.push(`its log ends with ${JSON.stringify(log.slice(-100))}`);
      if (followedBytes !== facts?.bytes) wrong.push(`a follower got ${followedBytes} of ${facts?.bytes} bytes`);
      return wrong;
    },
  },
  {
    name: 'past-the-runner',
    about: "the platform's own copy of the output is bounded",
    parameters: () => ({ Bytes: '60000000' }),
    watch: 'engineLog',
    ends: { state: 'succeeded', reason: 'completed', exitCode: 0 },
    judge: ({ peakEngineLog = 0 }, { place }) => {
      if (peakEngineLog === 0) return ["the engine's copy was not found"];
      return peakEngineLog <= mostEngineLog[place.name] ? [] : [`the engine kept ${peakEngineLog} bytes of output`];
    },
    whenOpen: /the engine kept \d+ bytes/,
  },
  ...[false, true].map((hasSecret): Attack => ({
    name: 'one-line',
    about: `a line of 50 MB is stored${hasSecret ? ', also where secrets are looked for in it' : ''}, and can be followed`,
    hasSecret,
    meanwhile: 'follow',
    ends: { state: 'succeeded', reason: 'completed', exitCode: 0 },
    judge: ({ run, log, followedBytes }) => {
      const wrong: string[] = [];
      const { bytes, lines, complete, truncated } = run.log ?? {};
      // The filter ends a last line that has no end.
      if (bytes !== 5e7 && !(hasSecret && bytes === 5e7 + 1)) wrong.push(`${bytes} bytes were stored`);
      if (lines !== 1 || complete !== true || truncated !== false)
        wrong.push(`its log is told to be ${JSON.stringify(run.log)}`);
      if (!/^x+\n?$/.test(log)) wrong.push('its log has something else than it has printed');
      if (followedBytes !== bytes) wrong.push(`a follower got ${followedBytes} of ${bytes} bytes`);
      return wrong;
    },
  })),
  {
    name: 'ignores-term',
    about: 'it is killed when its grace is over',
    definition: { timeouts: { runSeconds: 2, graceSeconds: 1 } },
    ends: { state: 'timedOut', reason: 'runTimeout' },
    judge: ({ run }) => (run.attempts[0]?.signal === 'KILL' ? [] : [`it was ended by ${run.attempts[0]?.signal}`]),
  },
  {
    name: 'ignores-term',
    about: 'also where it is canceled',
    definition: { timeouts: { runSeconds: 60, graceSeconds: 1 } },
    meanwhile: 'cancelStubborn',
    ends: { state: 'canceled', reason: 'canceled' },
  },
  {
    name: 'endless',
    about: 'its time is limited',
    definition: { timeouts: { runSeconds: 2, graceSeconds: 1 } },
    ends: { state: 'timedOut', reason: 'runTimeout' },
    judge: ({ run }) => (run.attempts[0]?.signal === 'TERM' ? [] : [`it was ended by ${run.attempts[0]?.signal}`]),
  },
  {
    name: 'zombies',
    about: 'orphans are reaped, and zombies of living parents go with the container',
    ends: { state: 'succeeded', reason: 'completed', exitCode: 0 },
    judge: ({ run }) => {
      const { zombies = 0, unreaped = 0 } = (run.output ?? {}) as { zombies?: number; unreaped?: number };
      if (zombies < 90) return [`there were only ${zombies} zombies`];
      return unreaped < 10 ? [] : [`${unreaped} zombies were left for the first process to reap`];
    },
  },
  {
    name: 'stays-behind',
    about: 'what a task leaves running ends with its container',
    ends: { state: 'succeeded', reason: 'completed', exitCode: 0 },
    judge: ({ run, log }) =>
      run.log?.complete === false && log.includes('gone') ? [] : ['its log is told to be complete'],
  },
  {
    name: 'kills-all',
    about: 'who kills its runner has no result, and never succeeds',
    only: 'docker',
    ends: { state: 'lost', reason: 'noResult' },
  },
  {
    // There the runner is the first process, which its container's cannot kill; but all that it needs is gone.
    name: 'kills-all',
    about: 'who kills all that its runner needs is ended from outside, and never succeeds',
    only: 'container groups',
    definition: { timeouts: short },
    ends: { state: 'timedOut', reason: 'runTimeout' },
  },
  {
    name: 'reaches-out',
    about: 'it finds nothing of others, and reaches nobody',
    definition: { timeouts: { runSeconds: 120, graceSeconds: 2 } },
    hasSecret: true,
    parameters: ({ place, neighbour }) => ({
      Prefix: 'canary',
      Neighbour: neighbour.address,
      Other: neighbour.runId,
      Port: String(place.orchestrator.port),
    }),
    ends: { state: 'succeeded', reason: 'completed', exitCode: 0 },
    judge: ({ run, secret }, surroundings) => problemsOfReach(run.output ?? {}, secret, surroundings),
    whenOpen: /secret of the neighbour[^]*secret of the orchestrator[^]*reached neighbour/,
  },
];

function processesLimited({ processes = [] }: AttackFacts, { place }: Surroundings): string[] {
  const most = Math.max(0, ...processes.map(({ current }) => current));
  if (most > processLimit[place.name] + countedToo) return [`there were ${most} processes`];
  return (processes.at(-1)?.refused ?? 0) > 0 ? [] : [`it was never refused a process, of which there were ${most}`];
}

function outputsLimited({ run, stored }: AttackFacts): string[] {
  const wrong: string[] = [];
  if (run.output !== undefined || run.outputProblem === undefined) wrong.push('an output of 2 GB was taken');
  if (run.files.some(({ bytes }) => bytes > 100)) wrong.push(`${JSON.stringify(run.files)} were taken`);
  if (stored !== undefined && stored > 2e8) wrong.push(`the orchestrator keeps ${stored} bytes`);
  return wrong;
}
