import { kindOf, scenarioNames, type CrashCase, type DriverName, type Fault, type ScenarioName } from './crash-case.ts';
import type { Lane } from './lane.ts';
import { runAll } from './run-all.ts';

export interface PlannedPoint {
  driver: DriverName;
  scenario: ScenarioName;
  fault: Fault;
  /** The recording did not meet it each time: how often a loop turns, or which of two is first, differs from run to run. */
  byTiming: boolean;
}

export interface Plan {
  points: PlannedPoint[];
  /** Points that were recorded and are not tried, and why: nothing in this harness is left out silently. */
  leftOut: { driver: DriverName; scenario: ScenarioName; count: number; why: string }[];
  /** What went wrong while nothing was done to it. */
  problems: string[];
}

const passes = 3;

/** Calls after which something differs for whoever comes next; all others only look. */
const effects =
  /^(?:storage\.(?:createRun|updateRun|claimKey|takeSlot|releaseSlot|deleteRun)|queue\.(?:schedule|handler)|exchange\.(?:open|takeFence|collect|discard)(?:\/\w+)?|driver\.(?:create|stop|remove)(?:\/\w+)?|engine\.(?:POST|DELETE) .*):/;

/** Records each scenario a few times without a fault, and says at which points it is to be crashed. */
export async function makePlan(
  lanes: readonly Lane[],
  drivers: readonly DriverName[],
  everything: boolean,
): Promise<Plan> {
  const plan: Plan = { points: [], leftOut: [], problems: [] };
  const cases = drivers.flatMap((driver) =>
    scenarioNames.flatMap((scenario) => Array.from({ length: passes }, (): CrashCase => ({ driver, scenario }))),
  );
  const recorded = await runAll(lanes, cases);
  for (const driver of drivers) {
    for (const scenario of scenarioNames) {
      const own = recorded.filter(({ crash }) => crash.driver === driver && crash.scenario === scenario);
      for (const { outcome } of own)
        plan.problems.push(...outcome.violations.map((line) => `${driver} ${scenario} without a fault: ${line}`));
      const seen = countPasses(own.map(({ outcome }) => outcome.points));
      const points = [...seen.keys()].filter((point) => everything || scenario === 'success' || isOwn(point));
      plan.points.push(
        ...points.map((point) => ({
          driver,
          scenario,
          fault: { kind: 'kill' as const, point },
          byTiming: seen.get(point) !== own.length,
        })),
      );
      const count = seen.size - points.length;
      if (count > 0)
        plan.leftOut.push({
          driver,
          scenario,
          count,
          why: 'looks that change nothing, and the inside of calls that the scenario success has too (--everything tries them)',
        });
    }
    plan.points.push(...otherFaults(driver));
  }
  return plan;
}

/** Outside `success`: what changes something, as a call of a port or as a request to the engine. */
function isOwn(point: string): boolean {
  if (!effects.test(point)) return false;
  const isInside = point.includes('/') && !point.startsWith('engine.');
  return !isInside || point.startsWith('exchange.takeFence');
}

/** Where a death is not the worst that can happen. */
function otherFaults(driver: DriverName): PlannedPoint[] {
  const create = 'engine.POST /containers/create {runner}:1';
  const start = 'engine.POST /containers/{runner}/start:1';
  const remove = 'engine.DELETE /containers/{runner}:1';
  const stalls = [
    'storage.createRun:1:before',
    'storage.updateRun:1:before',
    'storage.updateRun:1:after',
    'exchange.open:1:before',
    'exchange.open:1:after',
    'driver.create:1:before',
    'driver.create:1:after',
    'exchange.collect:1:before',
    'exchange.collect:1:after',
    'driver.remove:1:before',
    'exchange.discard:1:before',
    'storage.releaseSlot:1:before',
    ...(driver === 'docker'
      ? [`${create}:before`, `${create}:after`, `${start}:before`, `${start}:after`, `${remove}:before`]
      : ['driver.create/rename:1:after', 'driver.create/spawn:1:after']),
  ];
  const faults: Fault[] = [
    ...stalls.map((point): Fault => ({ kind: 'stall', point })),
    { kind: 'reboot', point: 'driver.create:1:after' },
    ...(driver === 'docker'
      ? [
          ...[create, start, remove].map((point): Fault => ({ kind: 'late', point: `${point}:before` })),
          ...[create, start, remove].map((point): Fault => ({ kind: 'answerLost', point: `${point}:after` })),
        ]
      : []),
  ];
  return faults.map((fault) => ({ driver, scenario: 'success', fault, byTiming: false }));
}

function countPasses(all: readonly string[][]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const points of all) for (const point of new Set(points)) seen.set(point, (seen.get(point) ?? 0) + 1);
  return seen;
}

/** The first point of each kind, of those that every pass has met. */
export function firstOfEachKind(points: readonly string[]): string[] {
  const first = new Map<string, string>();
  for (const point of points) if (!first.has(kindOf(point))) first.set(kindOf(point), point);
  return [...first.values()];
}
