import type { RunView } from '../../src/contract/run.ts';
import { sentence } from './format.ts';

/** How long it has run, or ran; undefined where it has not started. */
export function tookMs({ startedAt, endedAt }: RunView, now: number): number | undefined {
  if (startedAt === undefined) return undefined;
  return Math.max(0, (endedAt === undefined ? now : Date.parse(endedAt)) - Date.parse(startedAt));
}

/** What there is to say of it in a line. */
export function whatOf(run: RunView): string {
  if (run.waiting !== undefined) return waitingText(run.waiting);
  const attempt = run.attempts.at(-1);
  if (run.state === 'starting') return attempt?.phase ?? '';
  if (run.endedAt === undefined && run.cancel !== undefined) return `being canceled, asked by ${run.cancel.by}`;
  if (run.resolution !== undefined) return `resolved: it ${run.resolution.outcome}`;
  return run.state === 'succeeded' ? '' : (run.message ?? '');
}

/** What it waits for, and its place in the queue. */
export function waitingText({ message, position }: NonNullable<RunView['waiting']>): string {
  if (position === undefined) return message;
  return `${message} (${position === 0 ? 'it is the next' : `${position} before it`})`;
}

/** How it ended, where it did not end well. */
export function endSentence({ state, message, endedAt }: RunView): string | undefined {
  if (endedAt === undefined || message === undefined || state === 'succeeded') return undefined;
  if (state === 'canceled') return sentence(`It was ${message}`);
  const verb = state === 'timedOut' ? 'ran out of time' : state === 'lost' ? 'was lost' : state;
  return sentence(`It ${verb}: ${message}`);
}

/** Parameters whose values a rerun has to be given again. */
export function secretsOf({ parameters, definition }: RunView): string[] {
  const provided = new Set(
    definition.scriptParameters.filter(({ valueFrom }) => valueFrom !== undefined).map((each) => each.parameterName),
  );
  return parameters.filter(({ name, secret }) => secret && !provided.has(name)).map(({ name }) => name);
}
