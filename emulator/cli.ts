#!/usr/bin/env node
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { dockerEngine } from './docker-engine.ts';
import { instantEngine } from './instant-engine.ts';
import { defaultRegions, startEmulator } from './server.ts';
import { switchTable } from './switch-table.ts';
import { parseSwitch } from './switches.ts';

const help = `errand-aci-emulator: Azure Container Instances on this machine

Usage: npx errand-aci-emulator [options]

  --port N              port to listen on (default 8085; 0 takes a free one)
  --host ADDRESS        address to listen on (default 127.0.0.1)
  --engine docker|instant
                        docker (default) makes real containers from images that the engine at DOCKER_HOST has;
                        instant makes none: every container ends with 0 at once
  --network NAME        network of the Docker engine that groups are in; without it one of their
                        own, on which they do not reach each other
  --region NAME         a region that there is; may be given more than once (default ${defaultRegions.join(', ')})
  --https               speak https with a certificate of its own, and demand bearer tokens
  --ca FILE             write that certificate to FILE
  --factor N            let time go N times as fast
  --seed N              of all chance (default 1)
  --switch NAME=VALUE   a switch of the table below; may be given more than once
  --help                this text

Switches (ms in emulated time; rates are a number from 0 to 1 or next:N, with @region for one region only):

${Object.entries(switchTable)
  .map(([name, row]) => `  ${`${name}=${row.default}`.padEnd(32)} ${row.what}`)
  .join('\n')}
`;

function readArguments() {
  return parseArgs({
    options: {
      port: { type: 'string', default: '8085' },
      host: { type: 'string', default: '127.0.0.1' },
      engine: { type: 'string', default: 'docker' },
      network: { type: 'string' },
      region: { type: 'string', multiple: true },
      https: { type: 'boolean', default: false },
      ca: { type: 'string' },
      factor: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      switch: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  }).values;
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new Error(`--${option} takes a number, not ${JSON.stringify(text)}`);
  return value;
}

async function main(): Promise<void> {
  const values = readArguments();
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  if (values.engine !== 'docker' && values.engine !== 'instant')
    throw new Error(`--engine takes docker or instant, not ${values.engine}`);
  const emulator = await startEmulator({
    port: number('port', values.port),
    host: values.host,
    engine:
      values.engine === 'docker'
        ? dockerEngine(values.network === undefined ? {} : { network: values.network })
        : instantEngine(),
    tls: values.https,
    factor: number('factor', values.factor),
    seed: number('seed', values.seed),
    ...(values.region === undefined ? {} : { regions: values.region }),
    switches: Object.assign({}, ...values.switch.map(parseSwitch)) as ReturnType<typeof parseSwitch>,
    log: (line) => void process.stderr.write(`${line}\n`),
  });
  if (values.ca !== undefined && emulator.ca !== undefined) writeFileSync(values.ca, emulator.ca);
  process.stdout.write(`Azure Container Instances emulator at ${emulator.url}\n`);

  const stop = (): void => {
    emulator.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`Not everything could be removed: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
