import type Docker from 'dockerode';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RunnerDriver } from '../../../src/core/ports/runner-driver.ts';
import type { DockerConnection } from '../../../src/runners/docker-engine.ts';
import { dockerRunner, type DockerRunnerOptions } from '../../../src/runners/docker.ts';
import { dockerHost } from '../../support/engine.ts';
import { ensureBusyboxImage } from '../../support/images.ts';
import { standInRunner, type StandInRunner } from '../../support/stand-in-runner.ts';

export interface DockerHarness extends StandInRunner {
  docker: Docker;
  image: string;
  options: DockerRunnerOptions;
  driver: RunnerDriver;
  /** A container that the test made by itself. */
  alsoRemove(id: string): void;
}

/** A driver on the tests' engine, with stand-in runners; `dispose` removes every container of it. */
export async function dockerHarness(changes: Partial<DockerRunnerOptions> = {}): Promise<DockerHarness> {
  const docker = dockerClient(dockerHost());
  const image = await ensureBusyboxImage(docker);
  const runners = await standInRunner(image);
  const options: DockerRunnerOptions = {
    connection: connectionOf(dockerHost()),
    runnerScript: runners.runnerScript,
    directory: runners.root,
    maximumRunners: 10,
    logger: silentLogger,
    clock: systemClock,
    ...changes,
  };
  const driver = dockerRunner(options);
  const others: string[] = [];
  return {
    ...runners,
    docker,
    image,
    options,
    driver,
    alsoRemove: (id) => void others.push(id),
    async dispose() {
      const label = [`errand.instance=${runners.instanceId}`];
      const left = await docker.listContainers({ all: true, filters: { label } });
      for (const id of new Set([...left.map(({ Id }) => Id), ...others])) {
        await docker.getContainer(id).remove({ force: true, v: true });
      }
      await driver.close();
      await runners.dispose();
    },
  };
}

export function connectionOf(host: string): DockerConnection {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const { hostname, port } = new URL(host);
  return { host: hostname, port: Number(port) };
}
