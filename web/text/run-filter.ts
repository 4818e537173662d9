import type { RunQuery } from '../../src/client/client.ts';
import { runStates, type RunState } from '../../src/contract/run-states.ts';

/** How far back, as the address says it, in hours. */
export const periods = { '1h': 1, '24h': 24, '7d': 168, '30d': 720 } as const;
export type Period = keyof typeof periods;

export interface RunFilter {
  states: readonly RunState[];
  task: string;
  labels: readonly string[];
  within: Period | undefined;
  cursor: string | undefined;
}

/** What the address asks for; what it says that is no filter is left aside. */
export function filterOf(query: URLSearchParams): RunFilter {
  const asked = query.getAll('state');
  const within = query.get('within') ?? '';
  return {
    states: runStates.filter((state) => asked.includes(state)),
    task: query.get('task') ?? '',
    labels: query.getAll('label').filter((label) => /^[^=]+=/.test(label)),
    within: Object.hasOwn(periods, within) ? (within as Period) : undefined,
    cursor: query.get('cursor') ?? undefined,
  };
}

export function isFiltered({ states, task, labels, within }: RunFilter): boolean {
  return states.length > 0 || task !== '' || labels.length > 0 || within !== undefined;
}

/** The filter as the API takes it. */
export function toQuery({ states, task, labels, within }: RunFilter, now: number): RunQuery {
  return {
    ...(task === '' ? {} : { task }),
    states,
    labels: Object.fromEntries(labels.map((label) => label.split(/=(.*)/s, 2) as [string, string])),
    ...(within === undefined ? {} : { since: new Date(now - periods[within] * 3_600_000).toISOString() }),
  };
}

/** Where the runs with a label are listed. */
export function runsWith(name: string, value: string): string {
  return `/runs?${new URLSearchParams({ label: `${name}=${value}` }).toString()}`;
}
