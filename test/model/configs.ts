import type { Config, Defect } from './world.ts';

const one: Config = {
  workers: 1,
  late: 0,
  boots: 1,
  maxAttempts: 1,
  maxUncounted: 1,
  cancel: true,
  lease: 1,
  start: 2,
  run: 1,
  total: Number.POSITIVE_INFINITY,
};

/** Small enough for every test run; together they have each of the things that can happen. */
export const quickConfigs: Record<string, Config> = {
  'two orchestrators at once': { ...one, workers: 2 },
  'late and repeated requests, and containers that are started again': { ...one, late: 1, boots: 2 },
  'the time for everything being over': { ...one, total: 3 },
  'attempts under which nothing was started': { ...one, maxUncounted: 2, start: 1 },
  'a second attempt': { ...one, maxAttempts: 2, start: 1, cancel: false },
};

/** What takes minutes: `npm run test:model`. */
export const fullConfigs: Record<string, Config> = {
  ...quickConfigs,
  'a second attempt and a cancel': { ...one, maxAttempts: 2, start: 1 },
  'two orchestrators, late requests, second boots': { ...one, workers: 2, late: 1, boots: 2 },
  'two late requests at once': { ...one, late: 2, boots: 2 },
  'two orchestrators and all time limits': { ...one, workers: 2, total: 3, run: 2 },
  'two orchestrators and a second attempt': { ...one, workers: 2, maxAttempts: 2, start: 1 },
  'a second attempt and late requests': { ...one, maxAttempts: 2, late: 1, start: 1, cancel: false },
  'a second attempt and the time for everything': { ...one, maxAttempts: 2, start: 1, total: 3 },
};

/** Each rule of the protocol, taken away: where it is searched, and what the checker must find. */
export const defects: Record<Defect, { config: Config; finds: RegExp }> = {
  noFence: { config: one, finds: /user code starts (?:in a run|under an attempt)|recorded as not started/ },
  foreignFenceIgnored: { config: { ...one, boots: 2 }, finds: /user code start/ },
  startRepeatedUnderOneNonce: { config: { ...one, late: 1, boots: 2 }, finds: /started twice|user code starts/ },
  blindUpsert: { config: { ...one, workers: 2 }, finds: /became|opened again|recorded as/ },
  removedBeforeLog: { config: one, finds: /before its log was collected/ },
  exitCodeTrusted: { config: one, finds: /succeeded without an exit code 0/ },
  notStartedWithoutFence: { config: one, finds: /user code starts|recorded as not started/ },
  reopened: { config: one, finds: /user code starts/ },
  resultBeforeObserve: { config: one, finds: /recorded as lost/ },
};
