import { relative } from 'node:path';
import type { Environment } from '../config.ts';
import { command } from '../terminal/command.ts';
import type { Io } from '../terminal/io.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { pushExamples, storeUnlessThere } from './push-examples.ts';
import { untilClosed } from './until-closed.ts';

const drivers = ['docker', 'process', 'auto'] as const;

export const devCommand = command({
  name: 'dev',
  about:
    'Starts a server on this machine, with everything built in and the examples pushed. Ctrl-C ends it; records and files stay in .errand.',
  options: {
    driver: {
      type: 'string',
      value: drivers.join('|'),
      about: 'Where tasks run; auto takes Docker where an engine answers, else plain processes',
    },
    port: {
      type: 'string',
      value: 'number',
      about: 'Otherwise $ERRAND_PORT, otherwise 7070; 0 takes any that is free',
    },
    'data-dir': {
      type: 'string',
      value: 'path',
      about: 'Otherwise $ERRAND_DATA_DIR, otherwise .errand in this folder',
    },
    'no-examples': { type: 'boolean', about: 'Push no examples' },
    azure: {
      type: 'boolean',
      about:
        'The Azure path instead: Azurite, an emulator of Container Instances, and the function app; nothing is kept',
    },
  },
  examples: [
    { line: 'errand dev', about: 'Leave it running, and go on in another terminal' },
    { line: 'errand dev --driver process', about: 'Without containers: quick, and no sandbox' },
    { line: 'errand dev --azure', about: 'As it will be on Azure, before you deploy' },
  ],
  more: 'A task that is there under the name of an example is left as it is.\nThe variables of docs/configuration.md work here too. ERRAND_LOG_LEVEL turns its messages into a log of JSON lines.',
  run: async ({ values }, io) => {
    const { serverConfig } = await import('../config.ts');
    const { localServer } = await import('./local-server.ts');
    const set: Environment = {
      ...io.environment,
      ...(values.driver === undefined ? {} : { ERRAND_DRIVER: checkedDriver(values.driver) }),
      ...(values.port === undefined ? {} : { ERRAND_PORT: checkedPort(values.port) }),
      ...(values['data-dir'] === undefined ? {} : { ERRAND_DATA_DIR: values['data-dir'] }),
    };
    if (values.azure) {
      if (values.driver !== undefined || values['data-dir'] !== undefined)
        throw new UsageError(
          '--azure goes without --driver and --data-dir: tasks run in the emulator, and nothing is kept.',
        );
      const { devAzure } = await import('./dev-azure.ts');
      return devAzure(set, { examples: !values['no-examples'] }, io);
    }
    const config = serverConfig(set, { driver: 'auto' });
    const server = await localServer(config, await devLogger(set, config.logLevel, io));
    const { driver } = server.errand.context;
    if (driver.name === 'process') {
      const { processIsNoSandbox } = await import('../../runners/process-environment.ts');
      io.note(`${io.noteStyle.yellow('warning:')} ${processIsNoSandbox}`);
    } else {
      const { ensureExampleImage } = await import('./example-image.ts');
      await ensureExampleImage(config.docker.connection, config.docker.configDirectory, io);
    }
    const pushed = values['no-examples']
      ? []
      : await pushExamples(storeUnlessThere(server.errand.orchestrator.definitions, io), io);
    if (io.json)
      await io.record({
        type: 'ready',
        url: server.url,
        driver: driver.name,
        dataDirectory: config.dataDirectory,
        tasks: pushed,
      });
    else await io.write(greeting(server.url, driver.name, relative('', config.dataDirectory), pushed, set, io));
    return untilClosed();
  },
});

function checkedDriver(text: string): string {
  const found = drivers.find((driver) => driver === text);
  if (found !== undefined) return found;
  throw new UsageError(`There is no driver ${text}: write --driver ${drivers.join(', --driver ')}.`);
}

function checkedPort(text: string): string {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return text;
  throw new UsageError(`--port ${text} is no port: write --port 7071, or --port 0 for any that is free.`);
}

async function devLogger(set: Environment, level: string, io: Io) {
  if ((set['ERRAND_LOG_LEVEL'] ?? '') === '') return (await import('./plain-logger.ts')).plainLogger(io);
  const { default: pino } = await import('pino');
  const { logFields } = await import('../../core/log-fields.ts');
  return pino({ level, mixin: logFields }, pino.destination({ dest: 2, sync: true }));
}

function greeting(
  url: string,
  driver: string,
  directory: string,
  pushed: readonly string[],
  set: Environment,
  io: Io,
): string {
  const { style } = io;
  const hasKeys = (set['ERRAND_API_KEYS_FILE'] ?? '') !== '';
  const elsewhere = url === 'http://127.0.0.1:7070' ? '' : `  export ERRAND_URL=${url}\n`;
  return `Errand is ready at ${style.bold(url)}

  tasks run in      ${driver === 'process' ? 'plain processes of this machine' : `containers (${driver})`}
  records and files ${directory === '' ? '.' : directory}
  callers           ${hasKeys ? 'those with a key' : 'this machine only (no API keys)'}
  tasks             ${pushed.length === 0 ? 'none yet' : pushed.join(', ')}

In another terminal:

${elsewhere}  errand run Hello -p Name=World --follow
  errand init my-task       a task of your own
  errand --help

${style.dim('Ctrl-C ends this server; tasks under way go on, and are found again at the next start.')}
`;
}
