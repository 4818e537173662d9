import type { LogFacts } from '../contract/run.ts';
import type { RunnerResult } from '../core/runner-result.ts';

/** The mark of a cut log comes on top of its cap. */
export const logMarkBytes = 4096;

/** Of no bytes at all. */
export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** What is known of a log: what was found there, and of the runner's word on what is missing only what `claimed` hands in, where it is right about what is there. */
export function logFacts(
  { bytes, lines, sha256 }: { bytes: number; lines: number; sha256: string },
  claimed: RunnerResult['log'] | undefined,
): LogFacts {
  const droppedBytes = claimed?.droppedBytes ?? 0;
  return { bytes, lines, sha256, truncated: droppedBytes > 0, droppedBytes, complete: claimed?.complete ?? false };
}
