import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { azureQueue } from '../../src/queues/azure-queue.ts';
import { workQueueConformance } from '../../src/testing/work-queue-conformance.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

workQueueConformance({ describe, test, expect }, 'azure-queue with an account key', async () => {
  const queue = azureQueue({
    connection: { connectionString: azurite.connectionString },
    name: `q${randomBytes(8).toString('hex')}`,
    clock: systemClock,
    logger: silentLogger,
  });
  return { queue, now: systemClock.now, dispose: queue.close };
});
