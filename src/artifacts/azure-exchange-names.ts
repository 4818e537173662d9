import { limits } from '../contract/limits.ts';
import type { AttemptRef } from '../core/ports/artifact-store.ts';
import { checkRunId } from './exchange-paths.ts';

/** Everything of all runs is below this. */
export const exchangesFolder = 'exchanges/';

export interface ExchangeNames {
  /** Of everything of this attempt; ends with a slash. */
  folder: string;
  /** Whoever created it may create the container. */
  opened: string;
  /** Nothing is ever opened under this attempt again. */
  discarded: string;
  fence: string;
  /** Of each fence that an orchestrator has written, a name made of its hash: no signature permits a task to make one. */
  seizure(hash: string): string;
  result: string;
  log: string;
  output: string;
  file(slot: number): string;
  /** What was collected; its being there makes log and files final. */
  collected: string;
}

export function exchangeNames({ runId, attempt }: AttemptRef): ExchangeNames {
  if (!Number.isSafeInteger(attempt) || attempt < 1) throw new TypeError(`${attempt} is no number of an attempt`);
  const folder = `${runFolder(runId)}${attempt}/`;
  return {
    folder,
    opened: `${folder}opened`,
    discarded: `${folder}discarded`,
    fence: `${folder}fence`,
    seizure: (hash) => `${folder}seizure-${hash}`,
    result: `${folder}result.json`,
    log: `${folder}log`,
    output: `${folder}output.json`,
    file: (slot) => `${folder}files/${slot}`,
    collected: `${folder}collected.json`,
  };
}

export function runFolder(runId: string): string {
  checkRunId(runId);
  return `${exchangesFolder}${runId}/`;
}

/** The numbers that files of an attempt go by. */
export const fileSlots: readonly number[] = Array.from({ length: limits.files }, (_, slot) => slot);

/** Blobs that keep an attempt from being opened again, and tell who has its fence. */
export function isMark(names: ExchangeNames, name: string): boolean {
  return (
    [names.opened, names.discarded, names.fence, names.collected].includes(name) || name.startsWith(names.seizure(''))
  );
}
