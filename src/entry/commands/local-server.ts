import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { createApp } from '../../http/app.ts';
import { dashboard } from '../../http/dashboard.ts';
import { compose, type Errand } from '../compose.ts';
import type { ServerConfig } from '../config.ts';
import { callersOfFile } from '../keys-file.ts';
import { dashboardDirectory, packageVersion } from '../package-root.ts';
import { closeOnSignal, startServer } from '../server.ts';
import { startTelemetry } from '../telemetry/start-telemetry.ts';

export interface LocalServer {
  url: string;
  errand: Errand;
  close(): Promise<void>;
}

/** How long a server that stops tries to export what is left, in milliseconds. */
const telemetryMs = 5_000;

/** Starts everything that a configuration asks for, in this process. It ends on SIGTERM and SIGINT. */
export async function localServer(config: ServerConfig, logger: Logger): Promise<LocalServer> {
  const keys = config.apiKeysFile === undefined ? undefined : await callersOfFile(config.apiKeysFile, logger);
  const telemetry = await startTelemetry(config.telemetry, { serviceName: 'errand', clock: systemClock, logger });
  const errand = await compose(config, { logger });
  const close = async (): Promise<void> => {
    await errand.close();
    await telemetry?.close(telemetryMs);
  };
  const { orchestrator, context } = errand;
  const closing = new AbortController();
  const app = createApp({
    orchestrator,
    artifacts: context.artifacts,
    storage: context.storage,
    clock: systemClock,
    logger,
    version: packageVersion(),
    dashboard: dashboard(dashboardDirectory),
    keys,
    closing: closing.signal,
  });
  try {
    const { host, port } = config;
    const server = await startServer({
      app,
      host,
      port,
      hasKeys: keys !== undefined,
      closing,
      onClose: close,
      clock: systemClock,
      logger,
    });
    closeOnSignal(server, logger);
    await orchestrator.start();
    return { url: server.url, errand, close: server.close };
  } catch (error) {
    await close();
    throw error;
  }
}
