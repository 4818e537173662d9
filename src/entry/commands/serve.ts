import { command } from '../terminal/command.ts';
import { untilClosed } from './until-closed.ts';

export const serveCommand = command({
  name: 'serve',
  about:
    'Starts a server that is configured by its environment (docs/configuration.md). Its log is JSON lines on standard error.',
  options: {},
  examples: [
    {
      line: 'ERRAND_HOST=0.0.0.0 ERRAND_API_KEYS_FILE=keys.json errand serve',
      about: 'For others; keys are needed then',
    },
  ],
  more: 'On TERM it takes no further request, finishes its steps and leaves running tasks alone: the next start finds them.',
  run: async (_, io) => {
    const { serverConfig } = await import('../config.ts');
    const { localServer } = await import('./local-server.ts');
    const { default: pino } = await import('pino');
    const { logFields } = await import('../../core/log-fields.ts');
    const config = serverConfig(io.environment, { driver: 'docker' });
    const logger = pino({ level: config.logLevel, mixin: logFields }, pino.destination({ dest: 2, sync: true }));
    const { url, errand } = await localServer(config, logger);
    if (errand.context.driver.name === 'process') {
      const { processIsNoSandbox } = await import('../../runners/process-environment.ts');
      logger.warn({}, processIsNoSandbox);
    }
    logger.info(
      {
        url,
        driver: errand.context.driver.name,
        dataDirectory: config.dataDirectory,
        keys: config.apiKeysFile !== undefined,
      },
      config.apiKeysFile === undefined ? 'ready; no API keys, so only this machine is served' : 'ready',
    );
    if (io.json) await io.record({ type: 'ready', url, driver: errand.context.driver.name });
    else await io.line(`Errand is ready at ${url}`);
    return untilClosed();
  },
});
