import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { systemClock, type Clock } from '../../../../src/core/clock.ts';
import type { Logger } from '../../../../src/core/logger.ts';
import { compose } from '../../../../src/entry/compose.ts';
import { serverConfig } from '../../../../src/entry/config.ts';
import { withWrites } from '../../../promise/with-writes.ts';
import { serveOnLoopback } from '../../../support/serve-on-loopback.ts';
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
    decorate: (context) =>
      withWrites(setting.variant === undefined ? context : breakErrand(setting.variant, context), (write) =>
        history(JSON.stringify(write)),
      ),
  },
);
say({ type: 'ready', url: await serveOnLoopback(errand, { logger, clock }) });

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
