import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createClient, type Client } from '../src/client/client.ts';
import { systemClock } from '../src/core/clock.ts';
import { silentLogger } from '../src/core/logger.ts';
import { compose, type ComposeOptions, type Errand } from '../src/entry/compose.ts';
import { serverConfig } from '../src/entry/config.ts';
import { packageVersion } from '../src/entry/package-root.ts';
import { startServer } from '../src/entry/server.ts';
import { createApp } from '../src/http/app.ts';
import { dashboard } from '../src/http/dashboard.ts';

export interface DashboardServer {
  url: string;
  client: Client;
  errand: Errand;
  /** Of its data. */
  directory: string;
  /** Ends it, and removes its data. */
  close(): Promise<void>;
}

/** A server with the dashboard of `web` and data of its own, for pictures and measurements. Tasks run as processes. */
export async function dashboardServer(
  web: string,
  decorate: NonNullable<ComposeOptions['decorate']> = (context) => context,
): Promise<DashboardServer> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-shown-'));
  const config = serverConfig(
    { PATH: process.env['PATH'], ERRAND_DATA_DIR: directory, ERRAND_DRIVER: 'process' },
    { driver: 'process' },
  );
  const errand = await compose(config, { logger: silentLogger, decorate });
  const { orchestrator, context } = errand;
  const closing = new AbortController();
  const app = createApp({
    orchestrator,
    artifacts: context.artifacts,
    storage: context.storage,
    clock: systemClock,
    logger: silentLogger,
    version: packageVersion(),
    dashboard: dashboard(web),
    closing: closing.signal,
  });
  await orchestrator.start();
  const { url, close } = await startServer({
    app,
    host: '127.0.0.1',
    port: 0,
    hasKeys: false,
    closing,
    onClose: () => errand.close(),
    clock: systemClock,
    logger: silentLogger,
    patienceMs: 1_000,
  });
  return {
    url,
    client: createClient({ url }),
    errand,
    directory,
    close: async () => {
      await close();
      const { driver, instanceId } = context;
      for await (const { name } of driver.list({ instanceId })) await driver.remove(name);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
