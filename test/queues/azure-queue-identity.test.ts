import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { azureQueue } from '../../src/queues/azure-queue.ts';
import { workQueueConformance } from '../../src/testing/work-queue-conformance.ts';
import { startAzurite, type AzuriteWithTokens } from '../support/azurite.ts';

let azurite: AzuriteWithTokens;
beforeAll(async () => {
  azurite = await startAzurite({ oauth: true });
});
afterAll(() => azurite.stop());

workQueueConformance({ describe, test, expect }, 'azure-queue with an identity', async () => {
  const { queueUrl, credential, ca } = azurite;
  const queue = azureQueue({
    connection: { endpoint: queueUrl, credential, ca },
    name: `q${randomBytes(8).toString('hex')}`,
    clock: systemClock,
    logger: silentLogger,
  });
  return { queue, now: systemClock.now, dispose: queue.close };
});
