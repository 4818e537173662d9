import { createHash } from 'node:crypto';
import { instant } from '../core/clock.ts';
import type { Fence, OrchestratorFence } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { BlobContainer } from './azure-blob-container.ts';
import type { ExchangeNames } from './azure-exchange-names.ts';
import { readBlob } from './azure-read-blob.ts';
import { fenceBytes, fenceText, parseFence } from './fence-text.ts';

/**
 * Anything under the name of the fence is one: only a runner or its task can have put there what is not ours, so the task may have started.
 * That holds for an orchestrator's fence, too, that no orchestrator has written.
 */
export async function readFence(
  exchanges: BlobContainer,
  names: ExchangeNames,
  given: Cancelable,
): Promise<Fence | undefined> {
  const blob = await readBlob(exchanges, names.fence, fenceBytes, given);
  if (blob === undefined) return undefined;
  const text = blob.bytes.toString();
  const fence = parseFence(text);
  const isTrue =
    fence?.by === 'runner' ||
    (fence !== undefined && (await exchanges.head(names.seizure(hashOf(text)), given)) !== undefined);
  return fence !== undefined && isTrue ? fence : { by: 'runner', nonce: '', at: instant(blob.head.modifiedAtMs) };
}

/** Takes the fence with one create-only write, before the attempt is opened as well as after it was discarded. */
export async function takeFence(
  exchanges: BlobContainer,
  names: ExchangeNames,
  fence: OrchestratorFence,
  given: Cancelable,
): Promise<{ won: boolean; fence: Fence }> {
  const text = fenceText(fence);
  await exchanges.put(names.seizure(hashOf(text)), '', given);
  for (;;) {
    if (await exchanges.put(names.fence, text, { contentType: 'application/json', ifNoneMatch: '*', ...given }))
      return { won: true, fence: parseFence(text) ?? fence };
    const standing = await readFence(exchanges, names, given);
    // Gone meanwhile with all of its run: there is nothing left to lose it to.
    if (standing !== undefined) return { won: fenceText(standing) === text, fence: standing };
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
