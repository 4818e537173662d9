import { afterAll, beforeAll } from 'vitest';
import { azureBlobs, type AzureBlobsOptions } from '../../../src/artifacts/azure-blobs.ts';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import type { ArtifactStore, AttemptRef, ExchangePlan } from '../../../src/core/ports/artifact-store.ts';
import { bytesOf, sampleAttempt, samplePlan } from '../../../src/testing/sample-exchange.ts';
import { startAzurite, type Azurite } from '../../support/azurite.ts';

let count = 0;
let runs = 0;

/** A name that no other blob container of this test file has. */
export function freshName(prefix: string): string {
  count += 1;
  return `${prefix}-${count}`;
}

/** An attempt of a run of its own. */
export function freshAttempt(): AttemptRef {
  runs += 1;
  return sampleAttempt(runs);
}

/** Azurite for the tests of a file: started before the first, ended after the last. */
export function useAzurite(options: { oauth?: boolean } = {}): () => Azurite {
  let azurite: Azurite | undefined;
  beforeAll(async () => {
    azurite = await startAzurite(options);
  });
  afterAll(() => azurite?.stop());
  return () => {
    if (azurite === undefined) throw new Error('Azurite is there only inside of tests');
    return azurite;
  };
}

/** A store with the account key, on blob containers of its own unless said otherwise. */
export function storeOn(azurite: Azurite, changes: Partial<AzureBlobsOptions> = {}): ArtifactStore {
  return azureBlobs({
    connection: { connectionString: azurite.connectionString },
    tasksContainer: freshName('tasks'),
    exchangesContainer: freshName('errand'),
    clock: systemClock,
    pollMs: 50,
    ...changes,
  });
}

/** The system's clock, set ahead by so many hours. */
export function clockAhead(hours: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + hours * 3_600_000 };
}

/** Puts an executable and opens an exchange for it. */
export async function openFor(
  store: ArtifactStore,
  ref: AttemptRef,
  script: string,
  changes: Partial<ExchangePlan> = {},
): Promise<{ plain: Readonly<Record<string, string>>; secure: Readonly<Record<string, string>> }> {
  const name = `task-${ref.runId.slice(-3)}.sh`;
  await store.put(name, bytesOf(script));
  const plan = samplePlan(name, script, changes);
  const etag = (await store.describe(name))?.etag ?? '';
  const access = await store.exchange(ref).open({ ...plan, executable: { ...plan.executable, etag } });
  if (access.kind !== 'signedUrls') throw new TypeError('this store gives signed URLs');
  return access;
}
