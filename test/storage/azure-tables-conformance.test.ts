import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storageConformance } from '../../src/testing/storage-conformance.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';
import { azureHarness } from './support/azure-harness.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

// Azurite answers some hundred requests a second: few runs of each property.
storageConformance(
  { describe, test, expect, fc },
  'azure-tables with an account key',
  async () => azureHarness({ connection: { connectionString: azurite.connectionString } }),
  { propertyRuns: 8 },
);
