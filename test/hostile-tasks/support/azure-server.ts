import { azureConfig } from '../../../src/entry/azure-config.ts';
import { composeAzure } from '../../../src/entry/compose-azure.ts';
import { environment } from '../../../src/entry/config.ts';
import { closeOnSignal, startServer } from '../../../src/entry/server.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createApp } from '../../../src/http/app.ts';

/** Errand as it is composed on Azure, behind a socket of loopback, with shorter times. Says its URL; ends with a signal. */
const config = azureConfig(environment);
const errand = await composeAzure(
  { ...config, policy: { ...config.policy, safetyLookMs: 500, sweepEveryMs: 2_000, marginMs: 3_000 } },
  { logger: silentLogger },
);
const { context, orchestrator } = errand;
const closing = new AbortController();
const server = await startServer({
  app: createApp({
    orchestrator,
    artifacts: context.artifacts,
    storage: context.storage,
    clock: systemClock,
    logger: silentLogger,
    version: '0',
    closing: closing.signal,
  }),
  host: '127.0.0.1',
  port: 0,
  hasKeys: false,
  closing,
  onClose: () => errand.close(),
  clock: systemClock,
  logger: silentLogger,
});
closeOnSignal(server, silentLogger);
await orchestrator.start();
process.stdout.write(`${server.url}\n`);
