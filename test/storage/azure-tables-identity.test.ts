import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storageConformance } from '../../src/testing/storage-conformance.ts';
import { startAzurite, type AzuriteWithTokens } from '../support/azurite.ts';
import { azureHarness } from './support/azure-harness.ts';

let azurite: AzuriteWithTokens;
beforeAll(async () => {
  azurite = await startAzurite({ oauth: true });
});
afterAll(() => azurite.stop());

storageConformance(
  { describe, test, expect, fc },
  'azure-tables with an identity',
  async () => {
    const { tableUrl, blobUrl, credential, ca } = azurite;
    return azureHarness({ connection: { endpoint: tableUrl, credential, ca }, blobs: { endpoint: blobUrl } });
  },
  { propertyRuns: 3 },
);
