import type Docker from 'dockerode';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { faultyEngine, type FaultyEngine, type FaultyEngineOptions } from './faulty-engine.ts';
import { until } from './processes.ts';

/** The Docker engine as one case sees it. */
export interface CaseEngine extends FaultyEngine {
  /** Names of the runners of the case that are still there. */
  runners(): Promise<string[]>;
  /** The same, and those that are still to come: a create that was given up by who asked for it goes on in the engine. */
  leftovers(): Promise<string[]>;
  /** Starts the first runner of the case once more when it has ended, and waits for its second end. `between` comes before that. */
  startAgain(between?: () => Promise<void>): Promise<void>;
}

export interface CaseEngineOptions extends FaultyEngineOptions {
  /** Whether a container is a runner of the case. */
  isOurs(container: { name: string; labels: Record<string, string> }): boolean | Promise<boolean>;
}

/** Closing removes what the case has left on the engine. */
export async function caseEngine(options: CaseEngineOptions): Promise<CaseEngine> {
  const docker = dockerClient(options.dockerHost);
  const engine = await faultyEngine(options);

  async function runners(): Promise<string[]> {
    const found = await docker.listContainers({ all: true, filters: { label: ['errand.run'] } });
    const names: string[] = [];
    for (const { Id, Names, Labels } of found) {
      const name = Names[0]?.slice(1) ?? Id;
      if (await options.isOurs({ name, labels: Labels })) names.push(name);
    }
    return names;
  }

  return {
    ...engine,
    runners,
    leftovers: async () => [...engine.creating(), ...(await runners())],
    startAgain: async (between = async () => undefined) => {
      const [runner] = await runners();
      const container = docker.getContainer(runner ?? '');
      const hasEnded = async (): Promise<boolean> => (await container.inspect()).State.Status === 'exited';
      if (!(await until(20_000, hasEnded))) throw new Error('a runner that is to be started again has not ended');
      await between();
      await container.start();
      await until(20_000, hasEnded);
    },
    close: async () => {
      for (const name of await runners()) await removeQuietly(docker, name);
      for (const name of canariesOf(engine)) await removeQuietly(docker, name);
      await engine.close();
    },
  };
}

/** Canaries of victims that died between making and removing one; Errand removes them after ten minutes. */
function canariesOf({ answered }: FaultyEngine): string[] {
  const made = answered.filter(({ what }) => what === 'POST /containers/create {canary}');
  return made.flatMap(({ container }) => (container === undefined ? [] : [container]));
}

async function removeQuietly(docker: Docker, name: string): Promise<void> {
  await docker
    .getContainer(name)
    .remove({ force: true, v: true })
    .catch((error: unknown) => {
      if (!(error instanceof Error && 'statusCode' in error && [404, 409].includes(Number(error.statusCode))))
        throw error;
    });
}
