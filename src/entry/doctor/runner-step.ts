import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import type { RunnerDriver } from '../../core/ports/runner-driver.ts';
import { dockerRunner } from '../../runners/docker.ts';
import { dockerEngine } from '../../runners/docker-engine.ts';
import { processIsNoSandbox } from '../../runners/process-environment.ts';
import { processRunner } from '../../runners/process.ts';
import type { ServerConfig } from '../config.ts';
import { packageRoot } from '../package-root.ts';
import type { TimeTeller } from './clock-skew.ts';
import { nearest } from './data-directory.ts';
import { messageOf, ok, warn, type Said, type Step } from './finding.ts';

const runnerScript = join(packageRoot, 'runner-image', 'script-runner.sh');

/** That tasks can be run where the configuration says. The drivers' own checks, in a directory of their own that is removed again. */
export function runnerStep(config: ServerConfig, clock: Clock): Step {
  return {
    name: config.driver === 'process' ? 'processes' : 'Docker',
    look: async (signal) => {
      if (config.driver === 'process') return processSaid(config, clock);
      try {
        return await dockerSaid(config, clock, signal);
      } catch (error) {
        if (config.driver === 'docker') throw error;
        return [warn(messageOf(error), `Until then tasks run as plain processes. ${processIsNoSandbox}`)];
      }
    },
  };
}

/** The engine's clock is that of the containers. */
export function dockerTime(config: ServerConfig, clock: Clock): TimeTeller {
  return {
    name: 'Docker',
    ask: async (signal) => {
      const { SystemTime: time } = await engineInfo(config, clock, signal);
      return typeof time === 'string' ? time : undefined;
    },
  };
}

async function dockerSaid(config: ServerConfig, clock: Clock, signal: AbortSignal): Promise<Said[]> {
  const info = await engineInfo(config, clock, signal);
  const what = `version ${String(info.ServerVersion)}, ${String(info.NCPU)} CPUs`;
  const { connection, engineDirectory, configDirectory } = config.docker;
  const found = await nearest(config.dataDirectory);
  if (engineDirectory !== undefined && found?.path !== config.dataDirectory)
    return [
      warn(
        `${what}; whether it sees the data directory shows once there is one`,
        'Start the server once, then run this again.',
      ),
    ];
  return inProbe(found?.path ?? config.dataDirectory, async (probe) => {
    await checked(
      dockerRunner({
        connection,
        runnerScript,
        directory: probe,
        engineDirectory: engineDirectory === undefined ? undefined : join(engineDirectory, basename(probe)),
        dockerConfigDirectory: configDirectory,
        maximumRunners: config.maximumRunners,
        logger: silentLogger,
        clock,
      }),
      signal,
    );
    return [ok(`${what}; a canary shows that it sees the data directory`)];
  });
}

function processSaid(config: ServerConfig, clock: Clock): Promise<Said[]> {
  return inProbe(config.dataDirectory, async (probe) => {
    await checked(
      processRunner({
        directory: probe,
        runnerScript,
        baseEnvironment: config.processEnvironment,
        maximumRunners: config.maximumRunners,
        logger: silentLogger,
        clock,
      }),
    );
    return [warn(processIsNoSandbox, 'Use ERRAND_DRIVER=docker for tasks that you would not run by hand.')];
  });
}

async function checked(driver: RunnerDriver, signal?: AbortSignal): Promise<void> {
  try {
    await driver.check({ signal });
  } finally {
    await driver.close();
  }
}

async function engineInfo(
  config: ServerConfig,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ ServerVersion?: unknown; NCPU?: unknown; SystemTime?: unknown }> {
  const engine = dockerEngine(config.docker.connection, clock);
  try {
    return (await engine.call('describe itself', { signal, timeoutMs: 10_000 }, async (docker) =>
      docker.info(),
    )) as object;
  } finally {
    engine.close();
  }
}

async function inProbe(directory: string, work: (probe: string) => Promise<Said[]>): Promise<Said[]> {
  const above = (await nearest(directory))?.path ?? directory;
  let probe: string;
  try {
    probe = await mkdtemp(join(above, '.doctor-'));
  } catch (error) {
    return [warn(`not tried out, since nothing can be written to ${above} (${messageOf(error)})`)];
  }
  try {
    return await work(probe);
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}
