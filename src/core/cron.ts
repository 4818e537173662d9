import { Cron } from 'croner';
import type { Problem } from '../contract/errors.ts';

/** When a cron expression comes, in milliseconds since the epoch. */
export interface PlannedTimes {
  /** The first one after this moment. Undefined where none comes any more. */
  next(after: number): number | undefined;
  /** The last one at or before this moment. */
  latest(until: number): number | undefined;
}

/** Fields by their place, for expressions of six; those of five begin with the minute. */
const fields = [
  { name: 'second', takes: '0-59' },
  { name: 'minute', takes: '0-59' },
  { name: 'hour', takes: '0-23' },
  { name: 'day of month', takes: '1-31, L for the last day, 15W for the weekday nearest to the 15th' },
  { name: 'month', takes: '1-12 or JAN-DEC' },
  { name: 'day of week', takes: '0-7 or SUN-SAT, 5#2 for the second Friday, 5L for the last one' },
] as const;

const nicknames = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'];

/**
 * The library's reading, which is Vixie cron's: a fixed time that daylight saving leaves out comes at the first moment after the gap, one that it brings
 * twice comes the first time, and expressions with a wildcard, step, list or range in hour or minute go by the clock on the wall. Undefined where expression or zone
 * cannot be read.
 */
export function plannedTimes(expression: string, timeZone: string): PlannedTimes | undefined {
  const cron = isTimeZone(timeZone) ? parsed(expression, timeZone) : undefined;
  if (cron === undefined) return undefined;
  return {
    next: (after) => cron.nextRun(new Date(after))?.getTime(),
    // The library gives those before a moment, and planned times have whole seconds.
    latest: (until) =>
      cron
        .previousRuns(1, new Date(until + 1))
        .at(0)
        ?.getTime(),
  };
}

/** What is wrong with an expression and its time zone; `now` in milliseconds since the epoch. Pure. */
export function cronProblems(
  { cron: expression, timeZone }: { cron: string; timeZone: string },
  now: number,
): Problem[] {
  const zone: Problem[] = isTimeZone(timeZone)
    ? []
    : [
        {
          path: '/timeZone',
          code: 'notAllowed',
          message: `${JSON.stringify(timeZone)} is no time zone: write a name of the IANA database, such as Europe/Berlin. Offsets such as +02:00 are not taken, since they know no daylight saving time`,
        },
      ];
  const wrong = shapeProblems(expression);
  if (wrong.length > 0) return [...wrong, ...zone];
  if (parsed(expression, 'UTC')?.nextRun(new Date(now)) !== null) return zone;
  return [
    {
      path: '/cron',
      code: 'inconsistent',
      message: `cron ${JSON.stringify(expression)} never comes: no month has such a day`,
    },
    ...zone,
  ];
}

function shapeProblems(expression: string): Problem[] {
  const words = expression.trim().split(/\s+/);
  if (words.length === 1 && words[0]?.startsWith('@') === true)
    return nicknames.includes(words[0].toLowerCase())
      ? []
      : [problem(`${words[0]} is not a name for cron: write ${nicknames.join(', ')}, or five fields`)];
  if (words.length !== 5 && words.length !== 6)
    return [
      problem(
        `cron must have five fields (minute, hour, day of month, month, day of week), or six with seconds before them; it has ${words.length}`,
      ),
    ];
  const names = fields.slice(fields.length - words.length);
  const wrong = names.flatMap(({ name, takes }, place) => {
    const word = words[place] ?? '';
    // Alone among wildcards, a field that is refused is to blame itself.
    if (parsed(names.map((_, other) => (other === place ? word : '*')).join(' '), 'UTC') !== undefined) return [];
    return [
      problem(
        `the ${name} of cron is ${JSON.stringify(word)}: it takes ${takes}, * for each, and of these lists (1,2), ranges (1-5) and steps (*/2, 0-30/5)`,
      ),
    ];
  });
  if (wrong.length > 0 || parsed(expression, 'UTC') !== undefined) return wrong;
  return [problem(`cron ${JSON.stringify(expression)} cannot be read: the fields do not go together`)];
}

function problem(message: string): Problem {
  return { path: '/cron', code: 'invalidPattern', message };
}

/** Undefined where the library refuses it. It makes no timer: it is given nothing to call. */
function parsed(expression: string, timeZone: string): Cron | undefined {
  try {
    return new Cron(expression.trim(), { timezone: timeZone, mode: '5-or-6-parts', paused: true });
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
