import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Hono } from 'hono';

import { createClient, type Client } from '../../../src/client/client.ts';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import { silentLogger, type Logger } from '../../../src/core/logger.ts';
import type { Policy } from '../../../src/core/policy.ts';
import { compose, type ComposeOptions, type Errand } from '../../../src/entry/compose.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { startServer, type RunningServer, type ServerOptions } from '../../../src/entry/server.ts';
import { createApp } from '../../../src/http/app.ts';
import type { AppEnv, AppOptions } from '../../../src/http/app-options.ts';

export interface ServerHarness {
  url: string;
  client: Client;
  app: Hono<AppEnv>;
  errand: Errand;
  server: RunningServer;
  directory: string;
  /** Stops it as SIGTERM does; the data stay. */
  stop(): Promise<void>;
  /** Stops it and removes its data. */
  dispose(): Promise<void>;
}

export interface HarnessOptions {
  /** To be used again after `stop`. */
  directory?: string;
  app?: Partial<AppOptions>;
  server?: Partial<ServerOptions>;
  logger?: Logger;
  /** Of the client. */
  apiKey?: string;
  policy?: Partial<Policy>;
  /** Further variables of the server's configuration. */
  env?: Readonly<Record<string, string>>;
  /** Puts something between the core and its ports. */
  decorate?: ComposeOptions['decorate'];
  /** Of the orchestrator and what it stands on. */
  clock?: Clock;
  /** Gives the app something else than what compose made. */
  replace?: (options: AppOptions) => AppOptions;
}

/** A whole server on loopback: SQLite and files in a directory of its own, tasks as processes. */
export async function serverHarness(options: HarnessOptions = {}): Promise<ServerHarness> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'errand-http-')));
  const logger = options.logger ?? silentLogger;
  const config = serverConfig(
    {
      PATH: process.env['PATH'],
      ERRAND_DATA_DIR: directory,
      ERRAND_DRIVER: 'process',
      // Whatever a request says, no name but that of this machine is ever looked up.
      ERRAND_WEBHOOK_HOSTS: 'localhost',
      ...options.env,
    },
    { driver: 'process' },
  );
  const errand = await compose(
    { ...config, policy: { ...config.policy, ...options.policy } },
    {
      logger,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...(options.decorate === undefined ? {} : { decorate: options.decorate }),
    },
  );
  const closing = new AbortController();
  const { orchestrator, context } = errand;
  const replace = options.replace ?? ((given: AppOptions) => given);
  const app = createApp(
    replace({
      orchestrator,
      artifacts: context.artifacts,
      storage: context.storage,
      clock: systemClock,
      logger,
      version: '0.0.0',
      closing: closing.signal,
      ...options.app,
    }),
  );
  await orchestrator.start();
  const server = await startServer({
    app,
    host: '127.0.0.1',
    port: 0,
    hasKeys: options.app?.keys !== undefined,
    closing,
    onClose: () => errand.close(),
    clock: systemClock,
    logger,
    ...options.server,
  }).catch(async (error: unknown) => {
    await errand.close();
    await rm(directory, { recursive: true, force: true });
    throw error;
  });
  return {
    url: server.url,
    client: createClient({ url: server.url, apiKey: options.apiKey }),
    app,
    errand,
    server,
    directory,
    stop: () => server.close(),
    dispose: async () => {
      await server.close();
      // Tasks go on without their server, so whatever is left is ended here.
      for await (const { name } of context.driver.list({ instanceId: context.instanceId }))
        await context.driver.remove(name);
      await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

/** Stores a task whose executable is this shell script. */
export async function pushScript(
  client: Client,
  taskName: string,
  script: string,
  more: Record<string, unknown> = {},
): Promise<void> {
  const document = { taskName, dockerImage: 'busybox', scriptName: `${taskName}.sh`, ...more };
  await client.push(taskName, document, { executable: new Blob([`#!/bin/sh\n${script}\n`]) });
}
