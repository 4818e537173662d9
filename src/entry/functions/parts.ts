import type { Clock } from '../../core/clock.ts';
import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Orchestrator } from '../../core/orchestrator.ts';
import type { WorkQueue } from '../../core/ports/work-queue.ts';
import { createApp } from '../../http/app.ts';
import { dashboard } from '../../http/dashboard.ts';
import { azureConfig } from '../azure-config.ts';
import { composeAzure } from '../compose-azure.ts';
import type { Environment } from '../config.ts';
import { dashboardDirectory, packageVersion } from '../package-root.ts';
import { startTelemetry } from '../telemetry/start-telemetry.ts';
import { telemetryConfig } from '../telemetry/telemetry-config.ts';
import type { Telemetry } from '../telemetry/telemetry-sdk.ts';
import { door } from './door.ts';
import { sweepChain, type SweepChain } from './sweep-chain.ts';

/** What the functions work with. */
export interface FunctionsParts {
  fetch(request: Request): Response | Promise<Response>;
  orchestrator: Orchestrator;
  queue: Pick<WorkQueue, 'schedule'>;
  clock: Clock;
  chain: SweepChain;
  telemetry: Telemetry | undefined;
  /** The host tells Application Insights of each invocation: ours belong below those. */
  isToldByHost: boolean;
  close(): Promise<void>;
}

/** An answer may take 230 s to begin; a stream keeps an instance billed, so its reader is sent away in good time and comes back. */
const streamSeconds = 120;

/** How long an instance that ends tries to export what is left, in milliseconds. */
const telemetryMs = 2_000;

/** Puts everything together from the settings. Throws `invalidConfiguration`. */
export async function functionsParts(from: Environment, logger: Logger): Promise<FunctionsParts> {
  const config = azureConfig(from);
  const keys = await door(config);
  const exported = telemetryConfig(from, { applicationInsights: true });
  const isToldByHost = exported?.applicationInsights !== undefined;
  const telemetry = await startTelemetry(exported, {
    serviceName: from['WEBSITE_SITE_NAME'] ?? 'errand',
    clock: systemClock,
    logger,
  });
  const errand = await composeAzure(config, { logger, background: false }).catch(async (error: unknown) => {
    await telemetry?.close(0);
    throw error;
  });
  const { context, queue } = errand;
  const chain = sweepChain(context, () => errand.orchestrator.sweep());
  const orchestrator: Orchestrator = {
    ...errand.orchestrator,
    accept: (...given) => watched(errand.orchestrator.accept(...given)),
    rerun: (...given) => watched(errand.orchestrator.rerun(...given)),
  };

  /** The run is accepted, whatever becomes of the chain: the timer starts one within the hour. */
  async function watched<T>(accepting: Promise<T>): Promise<T> {
    const accepted = await accepting;
    await chain.ensure().catch((error: unknown) => {
      logger.warn({ err: error }, 'no chain of sweeps could be started; the timer does it');
    });
    return accepted;
  }

  const app = createApp({
    orchestrator,
    artifacts: context.artifacts,
    storage: context.storage,
    clock: systemClock,
    logger,
    version: packageVersion(),
    dashboard: dashboard(dashboardDirectory),
    keys,
    streamSeconds,
    requestSpan: isToldByHost ? 'internal' : 'server',
  });
  return {
    fetch: (request) => app.fetch(request),
    orchestrator,
    queue,
    clock: systemClock,
    chain,
    telemetry,
    isToldByHost,
    close: async () => {
      await errand.close();
      await telemetry?.close(telemetryMs);
    },
  };
}
