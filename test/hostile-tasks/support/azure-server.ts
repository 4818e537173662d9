import { azureConfig } from '../../../src/entry/azure-config.ts';
import { composeAzure } from '../../../src/entry/compose-azure.ts';
import { environment } from '../../../src/entry/config.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { serveOnLoopback } from '../../support/serve-on-loopback.ts';

/** Errand as it is composed on Azure, behind a socket of loopback, with shorter times. Says its URL; ends with a signal. */
const config = azureConfig(environment);
const errand = await composeAzure(
  { ...config, policy: { ...config.policy, safetyLookMs: 500, sweepEveryMs: 2_000, marginMs: 3_000 } },
  { logger: silentLogger },
);
process.stdout.write(`${await serveOnLoopback(errand, { logger: silentLogger })}\n`);
