import type { TestProject } from 'vitest/node';

import { dockerClient } from '../../scripts/docker-client.ts';
import { ensureDocker } from '../../scripts/docker-engine.ts';
import { ensurePackages, imagePackages, testPackages } from '../../scripts/debian-packages.ts';
import { buildImages } from '../../scripts/images.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Why tests that need Docker cannot run here; undefined where they can. */
    dockerUnavailable: string | undefined;
  }
}

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Before the first test: programs, an engine and local images. Workers inherit DOCKER_HOST. Afterwards: stops what it started. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 24) {
    throw new Error(
      `Tests need Node 24, this is ${process.version}: start them with npm test, or put node_modules/.bin first on the PATH`,
    );
  }
  const problem = await ensurePackages([...imagePackages, ...testPackages], { log });
  if (problem !== undefined) log(`Some tests will fail: ${problem}`);

  const engine = await ensureDocker({ log });
  if (engine.kind === 'unavailable') {
    project.provide('dockerUnavailable', engine.reason);
    return async () => undefined;
  }
  process.env['DOCKER_HOST'] = engine.dockerHost;
  try {
    await buildImages(dockerClient(engine.dockerHost), { log });
  } catch (error) {
    await engine.stop();
    throw error;
  }
  project.provide('dockerUnavailable', undefined);
  return () => engine.stop();
}
