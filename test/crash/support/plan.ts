import { kindOf, scenarioNames, type CrashCase, type DriverName, type Fault, type ScenarioName } from './crash-case.ts';
import type { Lane } from './lane.ts';
import { runAll, type Done } from './run-all.ts';

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

/** What a scenario is there for. All that is not named here it shares with `success`, where every call of a port is a point. */
const focus: Readonly<Record<ScenarioName, RegExp>> = {
  success: /^/,
  retry:
    /^(?:storage\.(?:updateRun|releaseSlot|takeSlot)|exchange\.(?:open|collect|discard)|driver\.(?:create|remove)|engine\.(?:POST|DELETE) .*runner.*):/,
  cancelRunning:
    /^(?:storage\.updateRun|driver\.(?:stop|stop\/pause|remove)|exchange\.(?:collect|discard)|engine\.(?:POST|DELETE) .*runner.*):/,
  cancelStarting:
    /^(?:storage\.updateRun|exchange\.(?:takeFence|takeFence\/\w+|discard)|driver\.(?:create|remove)|engine\.(?:POST|DELETE) .*runner.*):/,
  startFailure:
    /^(?:storage\.(?:updateRun|releaseSlot)|exchange\.(?:takeFence|takeFence\/\w+|collect|discard)|driver\.(?:create|remove)|engine\.(?:POST|DELETE) .*(?:runner|image).*):/,
  secret: /^(?:storage\.createRun|exchange\.(?:open|open\/\w+|collect|discard|discard\/\w+)|driver\.create):/,
  slot: /^(?:storage\.(?:createRun|takeSlot|releaseSlot|updateRun)|queue\.schedule):/,
  recovery:
    /^(?:storage\.updateRun|exchange\.(?:takeFence|takeFence\/\w+|open|discard)|driver\.(?:create|remove)|engine\.(?:POST|DELETE) .*runner.*):/,
};

/** Calls that change nothing for whoever comes next: more than a few of each lie between the same two changes. */
const looks =
  /^(?:storage\.(?:getRun|openRuns|slotEntries|endedRuns|dueSchedules|listSchedules)|artifacts\.(?:exchange|listRuns|listRuns\.item|check\/\w+)|exchange\.(?:fence|result|watch\.item)|driver\.(?:list|list\.item|observe|watch\.item)|engine\.GET .*):/;

/** Whoever dies at such a call leaves behind what was there without it. */
export function isLook({ fault }: PlannedPoint): boolean {
  return looks.test(fault.point);
}

const mostLooks = 2;
const mostOfAKind = 8;
/** Of calls to stores where another cell has the same stores. */
const mostOfTheSameStores = 3;
/** On Azure: requests to storage and to Resource Manager, between two of which half of a call is done. */
const mostRequests = 12;
/** The second attempt of a retry begins behind about so many writes of the record, and behind one of every other call. */
const writesOfAnAttempt = 6;

const triedWithProcess = 'files of the exchange, as with the driver process';

/** Why a point is not tried; undefined where it is. */
function whyNot(driver: DriverName, scenario: ScenarioName, point: string, isSteady: boolean): string | undefined {
  const count = callOf(point);
  if (scenario !== 'success') {
    if (!focus[scenario].test(point)) return 'not what the scenario is for; success has such calls';
    if (!isSteady) return 'comes by timing';
    const before = scenario !== 'retry' ? 0 : point.startsWith('storage.updateRun:') ? writesOfAnAttempt : 1;
    if (count <= before) return 'the scenario success has the same';
    return count > before + mostOfAKind ? `more than ${mostOfAKind} of a kind` : undefined;
  }
  if (looks.test(point) && count > mostLooks) return `looks that change nothing, after the first ${mostLooks}`;
  if (/^(?:\w+)\.\w+\/request:/.test(point) && count > mostRequests)
    return `requests inside a call, after the first ${mostRequests} of a kind`;
  if (driver === 'dockerAzure' && !/^(?:driver|engine)\./.test(point) && count > mostOfTheSameStores)
    return `calls to the stores of the cell azure, after the first ${mostOfTheSameStores} of a kind`;
  if (driver === 'docker' && /^(?:exchange|artifacts)\.\w+\//.test(point)) return triedWithProcess;
  return undefined;
}

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
  // What is made once on an engine, such as the network of tasks, is there before anything is recorded: no later life would meet it.
  const first = await runAll(
    lanes,
    drivers.map((driver): CrashCase => ({ driver, scenario: 'success' })),
  );
  const recorded = await runAll(lanes, cases);
  for (const driver of drivers) {
    const candidates = scenarioNames.flatMap((scenario) => {
      const isOwn = ({ crash }: Done) => crash.driver === driver && crash.scenario === scenario;
      const own = recorded.filter(isOwn);
      for (const { outcome } of [...first.filter(isOwn), ...own])
        plan.problems.push(...outcome.violations.map((line) => `${driver} ${scenario} without a fault: ${line}`));
      const seen = countPasses(own.map(({ outcome }) => outcome.points));
      return [...seen].map(([point, times]): Candidate => {
        const isSteady = times === own.length;
        const why = everything ? undefined : whyNot(driver, scenario, point, isSteady);
        return { driver, scenario, fault: { kind: 'kill', point }, byTiming: !isSteady, times, why };
      });
    });
    const chosen = new Set([...candidates.filter(({ why }) => why === undefined), ...ofOtherKinds(candidates)]);
    for (const { times: _times, why: _why, ...point } of chosen) plan.points.push(point);
    for (const candidate of candidates) if (!chosen.has(candidate)) leaveOut(plan, candidate);
    plan.points.push(...otherFaults(driver));
  }
  return plan;
}

interface Candidate extends PlannedPoint {
  /** In how many recordings of its scenario it was met. */
  times: number;
  /** Why it is not tried, unless nothing else of its kind is. */
  why: string | undefined;
}

/** Of each kind of point that no scenario would try, the one that was met most often: no kind goes untried in a cell. */
function ofOtherKinds(candidates: readonly Candidate[]): Candidate[] {
  const kinds = Map.groupBy(candidates, ({ fault }) => kindOf(fault.point));
  return [...kinds.values()].flatMap((same) => {
    if (same.some(({ why }) => why === undefined || why === triedWithProcess)) return [];
    return same.toSorted((a, b) => b.times - a.times).slice(0, 1);
  });
}

function leaveOut({ leftOut }: Plan, { driver, scenario, why = '' }: Candidate): void {
  const same = leftOut.find((each) => each.driver === driver && each.scenario === scenario && each.why === why);
  if (same === undefined) leftOut.push({ driver, scenario, count: 1, why });
  else same.count += 1;
}

/** Requests that change something on the platform, and steps inside the driver. */
const onDocker = {
  changes: [
    'engine.POST /containers/create {runner}:1',
    'engine.POST /containers/{runner}/start:1',
    'engine.DELETE /containers/{runner}:1',
  ],
  inside: [],
};
const worst: Readonly<Record<DriverName, { changes: readonly string[]; inside: readonly string[] }>> = {
  process: { changes: [], inside: ['driver.create/rename:1:after', 'driver.create/spawn:1:after'] },
  docker: onDocker,
  dockerAzure: onDocker,
  azure: {
    changes: ['engine.PUT /containerGroups/{runner}:1', 'engine.DELETE /containerGroups/{runner}:1'],
    inside: ['exchange.open/request:3:before', 'storage.updateRun/request:2:before'],
  },
};

/** Where a death is not the worst that can happen. */
function otherFaults(driver: DriverName): PlannedPoint[] {
  const { changes, inside } = worst[driver];
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
    ...changes.flatMap((request) => [`${request}:before`, `${request}:after`]),
    ...inside,
  ];
  const faults: Fault[] = [
    ...stalls.map((point): Fault => ({ kind: 'stall', point })),
    // On Azure the emulator boots every runner once more, in every case.
    ...(driver === 'azure' ? [] : [{ kind: 'reboot', point: 'driver.create:1:after' } as const]),
    ...changes.map((request): Fault => ({ kind: 'late', point: `${request}:before` })),
    ...changes.map((request): Fault => ({ kind: 'answerLost', point: `${request}:after` })),
  ];
  return faults.map((fault) => ({ driver, scenario: 'success', fault, byTiming: false }));
}

function countPasses(all: readonly string[][]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const points of all) for (const point of new Set(points)) seen.set(point, (seen.get(point) ?? 0) + 1);
  return seen;
}

/** Of each kind of point that of the lowest call: a second call that comes by timing may have its answer before the first. */
export function firstOfEachKind(points: readonly string[]): string[] {
  const kinds = Map.groupBy(points, kindOf);
  return [...kinds.values()].map((same) => same.reduce((first, each) => (callOf(each) < callOf(first) ? each : first)));
}

function callOf(point: string): number {
  return Number(/:(\d+):/.exec(point)?.[1]);
}
