import type { RunView } from '../../src/contract/run.ts';

export const phases = ['queued', 'create', 'start', 'fetch', 'run', 'settle'] as const;
export type Phase = (typeof phases)[number];

export interface Segment {
  phase: Phase;
  /** Milliseconds since the run was accepted. */
  from: number;
  to: number;
}

export interface AttemptTime {
  number: number;
  segments: Segment[];
}

export interface Timeline {
  /** Milliseconds from accepting the run to its end, or until now. */
  total: number;
  attempts: AttemptTime[];
}

type Attempt = RunView['attempts'][number];

/**
 * Where the time of a run went, by its record. The engine of a machine pulls the image while it creates the container; Container Instances pull it
 * after that, before the start: the record has no border between these.
 */
export function timelineOf(run: RunView, now: number): Timeline {
  const begin = Date.parse(run.createdAt);
  const end = Math.max(begin, run.endedAt === undefined ? now : Date.parse(run.endedAt));
  const attempts: AttemptTime[] = [];
  let before = begin;
  for (const attempt of run.attempts) {
    const until = attempt.endedAt === undefined ? end : Date.parse(attempt.endedAt);
    attempts.push({ number: attempt.number, segments: segmentsOf(attempt, before - begin, begin, until - begin) });
    before = until;
  }
  if (run.state === 'queued' || run.attempts.length === 0)
    attempts.push({
      number: (run.attempts.at(-1)?.number ?? 0) + 1,
      segments: [{ phase: 'queued', from: before - begin, to: end - begin }],
    });
  const last = attempts.at(-1)?.segments.at(-1)?.to ?? 0;
  return { total: Math.max(end - begin, last, 1), attempts };
}

/** Clocks of two machines and rounding may put a border before the one it follows; it is then where that one is. */
function segmentsOf(attempt: Attempt, queuedFrom: number, begin: number, until: number): Segment[] {
  const at = (instant: string | undefined): number | undefined =>
    instant === undefined ? undefined : Date.parse(instant) - begin;
  const opened = at(attempt.openedAt) ?? queuedFrom;
  const fenced = at(attempt.fencedAt);
  const fetching = fenced === undefined ? undefined : fenced - (attempt.fetchMs ?? 0);
  const created = Math.min(at(attempt.createdAt) ?? Number.POSITIVE_INFINITY, fetching ?? until);
  const ran = fenced === undefined ? undefined : attempt.runMs === undefined ? until : fenced + attempt.runMs;
  const borders: [Phase, number | undefined][] = [
    ['queued', opened],
    ['create', created],
    ['start', fetching ?? until],
    ['fetch', fenced],
    ['run', ran],
    ['settle', fenced === undefined ? undefined : until],
  ];
  const segments: Segment[] = [];
  let from = queuedFrom;
  for (const [phase, border] of borders) {
    if (border === undefined) continue;
    const to = Math.min(Math.max(border, from), Math.max(until, from));
    if (to > from) segments.push({ phase, from, to });
    from = to;
  }
  return segments;
}

/** How a phase is called, by where the run runs. */
export function phaseWord(phase: Phase, platform: string | undefined): string {
  if (phase === 'create' && platform === 'docker') return 'pull and create';
  if (phase === 'start' && platform === 'azure-container-instances') return 'pull and start';
  return phase;
}
