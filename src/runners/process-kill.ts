import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { findFamily, type ProcessFamily, signalProcess } from './process-table.ts';

const rounds = 100;
const betweenRoundsMs = 20;

/**
 * Ends every process of a family. A member may have made another since the list was read, so it looks again until none is left. What has
 * wiped its environment, left its session and outlived its parent is not found: this is no sandbox.
 */
export async function killFamily(
  name: string,
  family: ProcessFamily,
  clock: Clock,
  { signal }: Cancelable,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    let seen = 0;
    for (const pid of findFamily(family)) {
      signalProcess(pid, 'SIGKILL');
      seen += 1;
    }
    if (seen === 0) return;
    await clock.sleep(betweenRoundsMs, { signal });
  }
  throw new ErrandError(
    'platformUnavailable',
    `Processes of ${name} do not end although they were killed ${rounds} times: look for ERRAND_CONTAINER=${name} with "ps e".`,
  );
}
