import { randomBytes } from 'node:crypto';
import { systemClock } from '../../../src/core/clock.ts';
import { azureTablesStorage, type AzureTablesOptions } from '../../../src/storage/azure-tables.ts';
import type { StorageHarness } from '../../../src/testing/storage-conformance.ts';

/** A prefix of its own for each test: its tables are empty, and made by the first write. */
export function freshPrefix(): string {
  return `t${randomBytes(8).toString('hex')}`;
}

export function azureHarness(options: Pick<AzureTablesOptions, 'connection' | 'blobs'>): StorageHarness {
  const prefix = freshPrefix();
  const [storage, second] = [
    azureTablesStorage({ ...options, prefix, clock: systemClock }),
    azureTablesStorage({ ...options, prefix, clock: systemClock }),
  ];
  return {
    storage,
    second,
    async dispose() {
      await storage.close();
      await second.close();
    },
  };
}
