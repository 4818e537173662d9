import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { sqliteStorage } from '../../src/storage/sqlite.ts';
import { storageConformance } from '../../src/testing/storage-conformance.ts';

storageConformance({ describe, test, expect, fc }, 'sqlite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'errand-sqlite-'));
  const path = join(directory, 'data', 'errand.sqlite');
  const [storage, second] = [sqliteStorage({ path, clock: systemClock }), sqliteStorage({ path, clock: systemClock })];
  return {
    storage,
    second,
    async dispose() {
      await storage.close();
      await second.close();
      await rm(directory, { recursive: true });
    },
  };
});
