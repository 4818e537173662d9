import { driverNames, faultKinds, scenarioNames, type DriverName } from './crash-case.ts';
import type { PlannedPoint } from './plan.ts';

/** The case that a line of the report names. */
export function readCase(text: string, drivers: readonly DriverName[] = driverNames): PlannedPoint {
  const [, first, second, third, point] = /^(\w+) (\w+) (\w+) at (.+)$/.exec(text) ?? [];
  const driver = drivers.find((name) => name === first);
  const scenario = scenarioNames.find((name) => name === second);
  const kind = faultKinds.find((name) => name === third);
  if (driver === undefined || scenario === undefined || kind === undefined || point === undefined)
    throw new Error(`"${text}" names no case: it must read like "process success kill at storage.createRun:1:after"`);
  return { driver, scenario, fault: { kind, point }, byTiming: false };
}
