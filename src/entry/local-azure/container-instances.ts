import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Environment } from '../config.ts';
import { packageRoot } from '../package-root.ts';
import { childService, ready } from './child-service.ts';

export interface LocalContainerInstances {
  url: string;
  close(): Promise<void>;
}

/** Source or build: it lies beside the folder that we are in. */
const program = import.meta.filename.endsWith('.ts')
  ? join(packageRoot, 'emulator/cli.ts')
  : join(packageRoot, 'dist/emulator/cli.js');
const patienceMs = 30_000;
/** It removes all containers that it has made. */
const graceMs = 30_000;

/** The emulator of Container Instances, in a process of its own: it shares nothing with Errand. Groups are containers of the engine that the environment names. */
export async function localContainerInstances(options: {
  environment: Environment;
  clock: Clock;
}): Promise<LocalContainerInstances> {
  const service = childService([program, '--port', '0', '--switch', 'pullMs=500'], options);
  const url = await ready(
    service,
    { name: 'The emulator of Container Instances', patienceMs, clock: options.clock },
    async () => /emulator at (http:\S+)/.exec(service.printed())?.[1],
  );
  return { url, close: () => service.stop(graceMs) };
}
