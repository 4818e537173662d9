import type { EndReason } from '../../src/contract/run-states.ts';
import type { RunView } from '../../src/contract/run.ts';
import { duration } from './format.ts';
import { phaseWord, type Timeline } from './timeline.ts';

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
  if (run.waiting !== undefined) return `It waits: ${sentence(run.waiting.message)}`;
  if (last === undefined) {
    if (run.endedAt === undefined) return 'It waits for its first attempt.';
    return `It was never started${run.message === undefined ? '.' : `: ${sentence(run.message)}`}`;
  }
  const times = timeline.attempts.find(({ number }) => number === last.number)?.segments ?? [];
  const before = times.filter(({ phase }) => phase !== 'run' && phase !== 'settle');
  const took = before.reduce((sum, { from, to }) => sum + to - from, 0);
  const longest = before.toSorted((a, b) => b.to - b.from - (a.to - a.from))[0];
  const word =
    longest === undefined ? '' : longest.phase === 'queued' ? 'waiting' : phaseWord(longest.phase, last.platform);
  const most =
    longest === undefined || took === 0
      ? ''
      : `, ${duration(longest.to - longest.from)} of it to ${word === 'waiting' ? 'wait for its turn' : word}`;
  const again =
    failed.length === 0
      ? ''
      : ` ${failed.length === 1 ? 'One attempt' : `${failed.length} attempts`} before it did not start.`;
  if (last.fencedAt === undefined) {
    const doing = last.phase === undefined ? '' : ` (${last.phase})`;
    return `It is being started${doing}, for ${duration(took)} now.${again}`;
  }
  if (took < slowMs) return `It took ${duration(took)} to start${most}.${again}`;
  return `It was slow to start: ${duration(took)}${most}. ${slowAdvice(longest?.phase, last.platform)}${again}`;
}

function slowAdvice(phase: string | undefined, platform: string): string {
  if (phase === 'queued') return 'A higher limit of concurrency, or more room on the platform, lets it start sooner.';
  if (phase === 'fetch') return 'A smaller executable is fetched sooner.';
  if (phase === 'create' && platform === 'docker')
    return 'An image that is already on the machine, or a smaller one, starts sooner.';
  if (phase === 'start' && platform === 'azure-container-instances')
    return 'A smaller image, or a registry in the same region, starts sooner.';
  return 'The platform took its time.';
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
