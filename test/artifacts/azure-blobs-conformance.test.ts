import { setDefaultCACertificates, getCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobConnection } from '../../src/artifacts/azure-blob-account.ts';
import { azureBlobs } from '../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../src/core/clock.ts';
import { artifactStoreConformance } from '../../src/testing/artifact-store-conformance.ts';
import type { ArtifactStoreHarness } from '../../src/testing/sample-exchange.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';
import { blobHands } from './support/blob-hands.ts';

let count = 0;

/** Two stores on a pair of blob containers that nobody else has. */
async function harness(connection: BlobConnection): Promise<ArtifactStoreHarness> {
  count += 1;
  const [tasksContainer, exchangesContainer] = [`tasks-${count}`, `errand-${count}`];
  const open = () => azureBlobs({ connection, tasksContainer, exchangesContainer, clock: systemClock, pollMs: 50 });
  return { store: open(), second: open(), runner: blobHands, dispose: () => Promise.resolve() };
}

describe('with the account key, over http', () => {
  let azurite: Azurite;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.stop());

  artifactStoreConformance({ describe, test, expect }, 'azure-blobs', () =>
    harness({ connectionString: azurite.connectionString }),
  );
});

describe('with a token, over https', () => {
  let azurite: Awaited<ReturnType<typeof startAzurite>>;
  const trusted = getCACertificates();
  beforeAll(async () => {
    azurite = await startAzurite({ oauth: true });
    setDefaultCACertificates([...trusted, azurite.ca ?? '']);
  });
  afterAll(async () => {
    setDefaultCACertificates(trusted);
    await azurite.stop();
  });

  artifactStoreConformance({ describe, test, expect }, 'azure-blobs', () => {
    if (azurite.credential === undefined) throw new Error('Azurite was started without tokens');
    return harness({ endpoint: azurite.blobUrl, credential: azurite.credential });
  });
});
