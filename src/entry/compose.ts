import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monotonicFactory } from 'ulid';
import { createFile } from '../artifacts/durable-file.ts';
import { filesystemArtifacts } from '../artifacts/filesystem.ts';
import { ErrandError } from '../contract/errors.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import type { Logger } from '../core/logger.ts';
import { observedDriver } from '../core/observed-driver.ts';
import { orchestrator, type Orchestrator } from '../core/orchestrator.ts';
import type { RunnerDriver } from '../core/ports/runner-driver.ts';
import { runMetrics } from '../core/run-metrics.ts';
import { sealer } from '../core/seal.ts';
import { timerQueue } from '../queues/timer.ts';
import { dockerRunner } from '../runners/docker.ts';
import { processRunner } from '../runners/process.ts';
import { sqliteStorage } from '../storage/sqlite.ts';
import type { ServerConfig } from './config.ts';
import { secretReader } from './secret-reader.ts';
import { packageRoot, packageVersion } from './package-root.ts';
import { httpsSender } from '../webhooks/https-sender.ts';

export interface Errand {
  orchestrator: Orchestrator;
  context: Context;
  /** Finishes the steps under way, then closes what was opened. Running tasks are left alone. */
  close(): Promise<void>;
}

export interface ComposeOptions {
  logger: Logger;
  clock?: Clock;
  /** Puts something between the core and its ports: faults, crash points, recordings. */
  decorate?: (context: Context) => Context;
}

/** Puts the parts together on one machine: SQLite, a directory, timers, and the runner driver of the configuration. Nothing runs before `orchestrator.start()`. */
export async function compose(
  config: ServerConfig,
  { logger, clock = systemClock, decorate = (context) => context }: ComposeOptions,
): Promise<Errand> {
  const directory = config.dataDirectory;
  await makeDirectory(directory);
  const storage = sqliteStorage({ path: join(directory, 'errand.db'), clock, logger });
  const artifacts = filesystemArtifacts({
    directory,
    clock,
    logger,
    ...(config.docker.engineDirectory === undefined ? {} : { hostPath: config.docker.engineDirectory }),
  });
  const driver = observedDriver(await chooseDriver(config, logger, clock), runMetrics());
  const ulid = monotonicFactory();
  const context = decorate({
    storage,
    artifacts,
    queue: timerQueue({ clock, logger }),
    driver,
    clock,
    logger,
    policy: config.policy,
    sealer: sealer(config.secretKey ?? (await keyFile(directory))),
    readSecret: secretReader(config.secretSources),
    webhooks: {
      sender: httpsSender({ rules: config.webhooks, clock, userAgent: `Errand/${packageVersion()}` }),
      rules: config.webhooks,
    },
    instanceId: await storage.instanceId(),
    owner: randomBytes(8).toString('hex'),
    namePrefix: config.namePrefix,
    newId: () => ulid(clock.now()).toLowerCase(),
    random: Math.random,
  });
  const made = orchestrator(context);
  return {
    orchestrator: made,
    context,
    close: async () => {
      await made.close();
      await driver.close();
      await storage.close();
    },
  };
}

/** `auto` takes Docker where an engine answers, and says so where none does. */
async function chooseDriver(config: ServerConfig, logger: Logger, clock: Clock): Promise<RunnerDriver> {
  if (config.driver === 'process') return process(config, logger, clock);
  const docker = dockerRunner({
    connection: config.docker.connection,
    runnerScript,
    directory: config.dataDirectory,
    engineDirectory: config.docker.engineDirectory,
    dockerConfigDirectory: config.docker.configDirectory,
    maximumRunners: config.maximumRunners,
    logger,
    clock,
  });
  if (config.driver === 'docker') return docker;
  try {
    await docker.check();
    return docker;
  } catch (error) {
    await docker.close();
    logger.warn(
      { err: error },
      'no Docker engine can be used, so tasks run as plain processes of this machine, without any sandbox',
    );
    return process(config, logger, clock);
  }
}

function process(config: ServerConfig, logger: Logger, clock: Clock): RunnerDriver {
  return processRunner({
    directory: join(config.dataDirectory, 'processes'),
    runnerScript,
    baseEnvironment: config.processEnvironment,
    maximumRunners: config.maximumRunners,
    logger,
    clock,
  });
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ErrandError(
      'invalidConfiguration',
      `the data directory ${directory} cannot be made: set ERRAND_DATA_DIR to a directory that this user may write`,
      { cause },
    );
  }
}

/** Where no key is configured, one is made once and kept beside the records, readable by this user alone. */
async function keyFile(directory: string): Promise<Uint8Array> {
  const path = join(directory, 'secret.key');
  try {
    await createFile(path, `${randomBytes(32).toString('base64')}\n`, 0o600);
    return Buffer.from((await readFile(path, 'utf8')).trim(), 'base64');
  } catch (cause) {
    throw new ErrandError(
      'invalidConfiguration',
      `the key file ${path} can be neither made nor read: set ERRAND_SECRET_KEY or ERRAND_SECRET_KEY_FILE`,
      { cause },
    );
  }
}

const runnerScript = join(packageRoot, 'runner-image', 'script-runner.sh');
