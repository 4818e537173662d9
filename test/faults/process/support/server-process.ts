import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { systemClock, type Clock } from '../../../../src/core/clock.ts';
import type { Context } from '../../../../src/core/context.ts';
import type { Logger } from '../../../../src/core/logger.ts';
import type { RunRecord } from '../../../../src/core/run-record.ts';
import { compose } from '../../../../src/entry/compose.ts';
import { serverConfig } from '../../../../src/entry/config.ts';
import { closeOnSignal, startServer } from '../../../../src/entry/server.ts';
import { createApp } from '../../../../src/http/app.ts';
import { shortPolicy } from '../../../crash/support/crash-case.ts';
import { noteFiles, type FromServer, type Setting, type ToServer } from './setting.ts';
import { breakErrand } from './variants.ts';

/** The server as it is shipped, with times shortened, on the directory of a scenario. Its first argument is the setting; it ends with a signal, or with who started it. */
const setting = JSON.parse(process.argv[2] ?? '') as Setting;
const say = (message: FromServer): void => void process.send?.(message);

let stepMs = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + stepMs };
process.on('message', (message: ToServer) => {
  stepMs += message.stepMs;
  say({ type: 'stepped' });
});
process.on('disconnect', () => process.exit(1));

const history = lineWriter(noteFiles.history);
const logger = lineLogger(lineWriter(noteFiles.log));
const environment = {
  PATH: process.env['PATH'],
  ERRAND_DATA_DIR: setting.data,
  ERRAND_DRIVER: setting.driver,
  DOCKER_HOST: setting.dockerHost,
};
const config = serverConfig(environment, { driver: setting.driver });
const errand = await compose(
  { ...config, policy: { ...shortPolicy, keepRecordsMs: config.policy.keepRecordsMs } },
  {
    logger,
    clock,
    decorate: (context) => withHistory(setting.variant === undefined ? context : breakErrand(setting.variant, context)),
  },
);
const closing = new AbortController();
const { orchestrator, context } = errand;
const app = createApp({
  orchestrator,
  artifacts: context.artifacts,
  storage: context.storage,
  clock,
  logger,
  version: '0.0.0',
  closing: closing.signal,
});
const server = await startServer({
  app,
  host: '127.0.0.1',
  port: 0,
  hasKeys: false,
  closing,
  onClose: () => errand.close(),
  clock,
  logger,
});
closeOnSignal(server, logger);
await orchestrator.start();
say({ type: 'ready', url: server.url });

/** Notes every write of a record that the storage has confirmed, where a checker finds two of one version. */
function withHistory(its: Context): Context {
  const { storage } = its;
  const note = ({ id, version, state, open }: RunRecord): void => history(JSON.stringify({ id, version, state, open }));
  return {
    ...its,
    storage: {
      ...storage,
      createRun: async (run, options) => {
        const created = await storage.createRun(run, options);
        if (created) note(run);
        return created;
      },
      updateRun: async (run, options) => {
        const updated = await storage.updateRun(run, options);
        if (updated) note(run);
        return updated;
      },
    },
  };
}

/** Opened once, for there may be no descriptor left when something has to be noted. */
function lineWriter(name: string): (line: string) => void {
  const file = openSync(join(setting.notes, name), 'a');
  return (line) => void writeSync(file, `${line}\n`);
}

function lineLogger(print: (line: string) => void): Logger {
  const write = (level: string) => (details: object, message: string) => {
    const err = 'err' in details && details.err instanceof Error ? ` (${details.err.message})` : '';
    print(`${process.pid} ${level} ${message}${err} ${JSON.stringify(details)}`);
  };
  return { debug: () => undefined, info: write('info'), warn: write('warn'), error: write('error') };
}
