import { readFile } from 'node:fs/promises';
import { ErrandError } from '../../contract/errors.ts';
import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { apiKeys, apiKeysFileSchema, type ApiKeys } from '../../http/api-keys.ts';
import { createApp } from '../../http/app.ts';
import { dashboard } from '../../http/dashboard.ts';
import { compose, type Errand } from '../compose.ts';
import type { ServerConfig } from '../config.ts';
import { dashboardDirectory, packageVersion } from '../package-root.ts';
import { closeOnSignal, startServer } from '../server.ts';

export interface LocalServer {
  url: string;
  errand: Errand;
  close(): Promise<void>;
}

/** Starts everything that a configuration asks for, in this process. It ends on SIGTERM and SIGINT. */
export async function localServer(config: ServerConfig, logger: Logger): Promise<LocalServer> {
  const keys = config.apiKeysFile === undefined ? undefined : await readKeys(config.apiKeysFile);
  const errand = await compose(config, { logger });
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
      onClose: () => errand.close(),
      clock: systemClock,
      logger,
    });
    closeOnSignal(server, logger);
    await orchestrator.start();
    return { url: server.url, errand, close: server.close };
  } catch (error) {
    await errand.close();
    throw error;
  }
}

async function readKeys(file: string): Promise<ApiKeys> {
  try {
    return apiKeys(apiKeysFileSchema.parse(JSON.parse(await readFile(file, 'utf8'))).keys);
  } catch (cause) {
    throw new ErrandError(
      'invalidConfiguration',
      `ERRAND_API_KEYS_FILE names ${file}, which is no file of keys: "errand keys create" makes one`,
      { cause },
    );
  }
}
