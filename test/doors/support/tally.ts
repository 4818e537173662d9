import { acceptedCode, type Verdict } from './verdict.ts';

export interface Tally {
  note(door: string, verdict: Verdict): void;
  /** How often a door said so: `accepted`, the code of an error, or that of a problem; one of a definition is `definition wrongType`. */
  count(door: string, code: string): number;
  /** How many questions a door had. */
  asked(door: string): number;
  /** One line for each door. */
  lines(): string[];
}

/** Counts what the doors say. */
export function tally(): Tally {
  const doors = new Map<string, { asked: number; codes: Map<string, number> }>();
  return {
    note: (door, { code, problems }) => {
      const { asked, codes } = doors.get(door) ?? { asked: 0, codes: new Map<string, number>() };
      const place = code === 'invalidDefinition' ? 'definition ' : '';
      for (const each of new Set([code, ...problems.map((problem) => place + (problem.split(' ', 1)[0] ?? ''))]))
        codes.set(each, (codes.get(each) ?? 0) + 1);
      doors.set(door, { asked: asked + 1, codes });
    },
    count: (door, code) => doors.get(door)?.codes.get(code) ?? 0,
    asked: (door) => doors.get(door)?.asked ?? 0,
    lines: () =>
      [...doors].map(([door, { asked, codes }]) => {
        const rest = [...codes].filter(([code]) => code !== acceptedCode).toSorted(([a], [b]) => (a < b ? -1 : 1));
        const shown = rest.map(([code, count]) => `${code} ${count}`).join(', ');
        return `${door}: ${asked} asked, ${codes.get(acceptedCode) ?? 0} accepted; ${shown}`;
      }),
  };
}
