import { describeCase, kindOf, type DriverName } from './crash-case.ts';
import { caughtIn, type Control } from './controls.ts';
import { isVisited, kindsOf, type Kind } from './kinds.ts';
import { matrixLines } from './matrix.ts';
import { isLook, type Plan, type PlannedPoint } from './plan.ts';
import type { Done } from './run-all.ts';

/** Of the points that every recording met: which call of many is the last one hangs on the timing, but not of more than these. */
const mostAway = 0.05;

export interface Report {
  lines: string[];
  /** One line for each reason why this run of the harness has failed; empty where it has passed. */
  failures: string[];
  closing: string;
}

/** Every point with what came of it, every reason to fail, and one line of figures. */
export function reportOf(plan: Plan, done: readonly Done<PlannedPoint>[], controls: readonly Done<Control>[]): Report {
  const lines: string[] = [];
  const failures = [...plan.problems];
  for (const [group, own] of Map.groupBy(
    done,
    ({ crash }) => `${crash.driver}, ${crash.scenario}, ${crash.fault.kind}`,
  )) {
    lines.push('', group);
    for (const [kind, points] of Map.groupBy(own, ({ crash }) => kindOf(crash.fault.point)))
      lines.push(`  ${row(kind, points)}`);
  }
  if (plan.leftOut.length > 0) lines.push('');
  for (const { driver, scenario, count, why } of plan.leftOut)
    lines.push(`left out: ${driver}, ${scenario}: ${count} points (${why})`);
  lines.push(...strayLines(done));

  const met = new Set(done.filter(({ outcome }) => outcome.visited).map(({ crash }) => nameOf(crash)));
  const away = done.filter(({ crash, outcome }) => !outcome.visited && !crash.byTiming);
  for (const { crash, tries } of away)
    if (!met.has(nameOf(crash))) failures.push(`${describeCase(crash)}: not visited in ${tries} tries`);
  if (away.length > done.length * mostAway)
    failures.push(`${away.length} points that were recorded each time were not visited`);
  const kinds = kindsOf(done);
  for (const kind of kinds)
    if (!isVisited(kind) && !isRareLook(kind))
      failures.push(
        `${kind.driver}: ${kind.kind} was recorded, and not visited in any scenario (${triesOf(kind)} tries)`,
      );
  for (const { crash, outcome } of done)
    for (const line of outcome.violations) failures.push(`${describeCase(crash)}: ${line}`);

  if (controls.length > 0) lines.push('', 'controls: a broken Errand must be caught');
  for (const { crash, outcome } of controls) {
    const found = caughtIn(crash, outcome);
    const caught = found !== undefined;
    lines.push(`  ${describeCase(crash)}: ${caught ? `caught: ${found}` : 'NOT CAUGHT'}`);
    if (!caught)
      failures.push(`${describeCase(crash)}: was not caught${outcome.visited ? '' : ' (its point was not visited)'}`);
  }

  const figures = new Map<DriverName, string>();
  for (const [driver, own] of Map.groupBy(done, ({ crash }) => crash.driver)) {
    const visited = kinds.filter((kind) => kind.driver === driver && isVisited(kind)).length;
    figures.set(driver, `${visited} kinds of points, ${figuresOf(own)}`);
  }
  lines.push('', ...matrixLines(figures));
  return { lines, failures, closing: figuresOf(done) };
}

function figuresOf(done: readonly Done<PlannedPoint>[]): string {
  const sum = (of: (outcome: Done['outcome']) => number): number =>
    done.reduce((total, { outcome }) => total + of(outcome), 0);
  const visited = done.filter(({ outcome }) => outcome.visited).length;
  return (
    `${done.length} points, ${visited} crashes, ${sum(({ runs }) => runs)} runs, ${sum(({ lost }) => lost)} lost, ` +
    `${sum((each) => each.startedTwice)} started twice, ${sum(({ containersLeft }) => containersLeft)} containers left`
  );
}

/** Points that came by timing and stayed away, with how often other lives of their scenario have passed them. */
function strayLines(done: readonly Done<PlannedPoint>[]): string[] {
  const lives = Map.groupBy(done, ({ crash }) => `${crash.driver} ${crash.scenario}`);
  const passed = new Map([...lives].map(([name, own]) => [name, own.map(({ outcome }) => new Set(outcome.points))]));
  const strays = done.filter(({ crash, outcome }) => crash.byTiming && !outcome.visited);
  const rows = strays.map(({ crash, tries }) => {
    const all = passed.get(`${crash.driver} ${crash.scenario}`) ?? [];
    const met = all.filter((points) => points.has(crash.fault.point)).length;
    return `  ${describeCase(crash)}: not in ${tries} tries; ${met} of the ${all.length} lives of its scenario passed it`;
  });
  return rows.length === 0 ? [] : ['', `came by timing and stayed away: ${rows.length} points`, ...rows];
}

/** Nothing is missed where nobody died at it: it comes by timing, and changes nothing. */
function isRareLook({ points }: Kind): boolean {
  return points.every(({ crash }) => crash.byTiming && isLook(crash));
}

function triesOf({ points }: Kind): number {
  return points.reduce((total, { tries }) => total + tries, 0);
}

/** The kind of point, in its scenario. The number of a call may differ from run to run, its kind may not. */
function nameOf({ driver, scenario, fault }: PlannedPoint): string {
  return `${driver} ${scenario} ${fault.kind} ${kindOf(fault.point)}`;
}

/** `storage.updateRun:before  9 of 9 visited and survived: 1 2 3 …` */
function row(kind: string, points: readonly Done<PlannedPoint>[]): string {
  const visited = points.filter(({ outcome }) => outcome.visited);
  const broken = visited.filter(({ outcome }) => outcome.violations.length > 0);
  const numbers = (of: readonly Done<PlannedPoint>[]): string =>
    of
      .map(({ crash }) => numberOf(crash.fault.point))
      .toSorted((a, b) => a - b)
      .join(' ');
  const away = points.filter(({ outcome }) => !outcome.visited);
  return [
    `${kind.padEnd(54)} ${visited.length} of ${points.length} visited${visited.length === 0 ? '' : ` (${numbers(visited)})`}`,
    ...(visited.length === broken.length ? [] : ['survived']),
    ...(broken.length === 0 ? [] : [`NOT SURVIVED: ${numbers(broken)}`]),
    ...(away.length === 0 ? [] : [`not met: ${numbers(away)}`]),
  ].join(', ');
}

function numberOf(point: string): number {
  return Number(/:(\d+):/.exec(point)?.[1]);
}
