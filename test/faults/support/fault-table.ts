import type { FaultKind } from './injector.ts';

const fails = ['failBefore', 'doneButFailed', 'throttled', 'unavailable', 'silence', 'reset'] as const;
const again = [...fails, 'duplicate'] as const;
const look = [...fails, 'staleRead'] as const;

/**
 * What may happen to each call of a port: what its contract lets happen, and nothing else. `deliver` is a wake-up on its way to its handler. Whatever
 * is missing is explained by {@link absent}.
 */
export const portFaults: Readonly<Record<string, Readonly<Record<string, readonly FaultKind[]>>>> = {
  storage: {
    createRun: fails,
    getRun: look,
    updateRun: fails,
    deleteRun: again,
    listRuns: look,
    openRuns: look,
    endedRuns: look,
    getKey: look,
    claimKey: again,
    countOpen: look,
    takeSlot: again,
    releaseSlot: again,
    slotQueue: look,
    slotEntries: look,
    reserve: again,
    createSchedule: fails,
    getSchedule: look,
    updateSchedule: fails,
    deleteSchedule: fails,
    listSchedules: look,
    dueSchedules: look,
    check: fails,
  },
  artifacts: {
    get: look,
    describe: look,
    put: again,
    list: look,
    delete: again,
    deleteRun: again,
    listRuns: look,
    check: fails,
  },
  exchange: {
    open: fails,
    fence: look,
    takeFence: again,
    result: fails,
    collect: again,
    readLog: fails,
    readFile: fails,
    watch: ['failBefore', 'reset', 'duplicate'],
    discard: again,
  },
  queue: { schedule: again, deliver: ['failBefore', 'doneButFailed', 'silence', 'duplicate'] },
  driver: {
    create: again,
    observe: look,
    stop: again,
    remove: again,
    list: look,
    watch: ['silence', 'duplicate'],
    check: fails,
  },
};

/** The cells that a port does not have, and why. */
export const absent: Readonly<Record<string, string>> = {
  'storage halfOpen': 'a port has no connection: to its caller it is the same as silence',
  'artifacts halfOpen': 'a port has no connection: to its caller it is the same as silence',
  'exchange halfOpen': 'a port has no connection: to its caller it is the same as silence',
  'queue halfOpen': 'a port has no connection: to its caller it is the same as silence',
  'driver halfOpen': 'a port has no connection: to its caller it is the same as silence',
  'queue staleRead': 'a queue is not read: which wake-up is valid, the record says',
};

export function kindsOf(port: string): FaultKind[] {
  return [...new Set(Object.values(portFaults[port] ?? {}).flat())];
}
