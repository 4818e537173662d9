import type { EndReason } from '../../src/contract/run-states.ts';
import type { RunView } from '../../src/contract/run.ts';
import { duration, sentence } from './format.ts';
import { waitingText } from './run-text.ts';
import { phaseWord, type Phase, type Timeline } from './timeline.ts';

/** What to do about a start that failed, where more can be said than the run says itself. */
const advice: Partial<Record<EndReason, string>> = {
  imageUnavailable: 'Check the name of the image and its tag, and that the platform may pull from this registry',
  startTimeout:
    'A smaller image or one that is nearer starts sooner; startSeconds in the definition says how long a start may take',
  startError: 'What the platform says is about the container, not about the executable',
  nameConflict: 'Another container has this name; the next attempt has another one',
  secretUnavailable: 'Whoever runs the server has to provide the secret that the definition names',
  executableUnavailable: 'Push the task again',
  missingUtility: 'The image lacks something that the runner needs; docs/runner.md lists it',
  fetchFailed: 'The container could not reach the store of the executables',
  checksumMismatch: 'The executable has changed since the run was accepted; run it again',
  badInterpreter: 'The first line of the executable names a program that this image does not have',
  identityUnavailable: 'The managed identity of the definition does not answer inside the container',
  noCapacity: 'The platform had no room; it is tried again as long as the run may wait',
};

/** From here on a start is worth a word, in milliseconds. */
const slowMs = 10_000;

/** A sentence or two on how it came to start, late, or not at all. */
export function startSentence(run: RunView, timeline: Timeline): string {
  const failed = run.attempts.filter(({ fencedAt, endedAt }) => fencedAt === undefined && endedAt !== undefined);
  const last = run.attempts.at(-1);
  if (last !== undefined && failed.includes(last) && run.state !== 'canceled') {
    // What the run says of its end is said at the top of the page.
    const why = last.message === undefined || last.message === run.message ? '' : `: ${last.message}`;
    const what = last.reason === undefined ? undefined : advice[last.reason];
    const who = run.attempts.length === 1 ? 'It' : `Attempt ${last.number}`;
    return `${sentence(`${who} did not start${why}`)}${what === undefined ? '' : ` ${what}.`}`;
  }
  if (run.waiting !== undefined) return `It waits: ${sentence(waitingText(run.waiting))}`;
  if (last === undefined) {
    if (run.endedAt === undefined) return 'It waits for its first attempt.';
    return `It was never started${run.message === undefined ? '.' : `: ${sentence(run.message)}`}`;
  }
  const times = timeline.attempts.find(({ number }) => number === last.number)?.segments ?? [];
  const before = times.filter(({ phase }) => phase !== 'run' && phase !== 'settle');
  const took = before.reduce((sum, { from, to }) => sum + to - from, 0);
  const longest = before.toSorted((a, b) => b.to - b.from - (a.to - a.from))[0];
  const most =
    longest === undefined || took === 0
      ? ''
      : `, ${duration(longest.to - longest.from)} of it to ${doingOf(longest.phase, last)}`;
  const again =
    failed.length === 0
      ? ''
      : ` ${failed.length === 1 ? 'One attempt' : `${failed.length} attempts`} before it did not start.`;
  if (last.fencedAt === undefined) {
    const doing = last.phase === undefined ? '' : ` (${last.phase})`;
    return `It is being started${doing}, for ${duration(took)} now.${again}`;
  }
  const who = last.number === 1 ? 'It' : `Attempt ${last.number}`;
  if (took < slowMs) return `${who} took ${duration(took)} to start${most}.${again}`;
  return `${who} was slow to start: ${duration(took)}${most}. ${slowAdvice(longest?.phase, last)}${again}`;
}

type Attempt = RunView['attempts'][number];

/** Before a further attempt there is a pause, and perhaps a queue: the record has no border between them. */
function doingOf(phase: Phase, { number, platform }: Attempt): string {
  if (phase !== 'queued') {
    const word = phaseWord(phase, platform);
    return word === 'start' ? 'start the runner' : word;
  }
  return number === 1 ? 'wait for its turn' : `wait after attempt ${number - 1}`;
}

function slowAdvice(phase: Phase | undefined, { number, platform }: Attempt): string {
  if (phase === 'queued' && number > 1)
    return 'The pause between attempts is what retry.backoff in the definition says, or longer where there is no room.';
  if (phase === 'queued') return 'A higher limit of concurrency, or more room on the platform, lets it start sooner.';
  if (phase === 'fetch') return 'A smaller executable is fetched sooner.';
  if (phase === 'create' && platform === 'docker')
    return 'An image that is already on the machine, or a smaller one, starts sooner.';
  if (phase === 'start' && platform === 'azure-container-instances')
    return 'A smaller image, or a registry in the same region, starts sooner.';
  return 'The platform took its time.';
}
