import { dirname } from 'node:path';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { minimalImage } from '../../../scripts/images.ts';
import { containerName } from '../../../src/core/context.ts';
import { faultyEngine } from '../../crash/support/faulty-engine.ts';
import { pause } from '../../crash/support/processes.ts';
import { openLocal } from './process-place.ts';
import { soakDirectories } from './soak-directories.ts';
import type { SoakPlace } from './soak-place.ts';
import type { VariantName } from './soak-setting.ts';

/** SQLite and files, tasks in containers of the engine at this address, which needs the minimal image. */
export async function dockerPlace(dockerHost: string, variant: VariantName | undefined): Promise<SoakPlace> {
  const directories = await soakDirectories();
  const { root, data, notes, executions, environment } = directories;
  const docker = dockerClient(dockerHost);
  const engine = await faultyEngine({
    directory: root,
    dockerHost,
    tally: dirname(executions),
    judge: async () => 'pass',
  });
  let startedAgain = 0;

  async function runners(): Promise<{ id: string; name: string }[]> {
    const { storage, close } = openLocal(data);
    const instance = await storage.instanceId();
    await close();
    const found = await docker.listContainers({ all: true, filters: { label: [`errand.instance=${instance}`] } });
    return found.map(({ Id, Names }) => ({ id: Id, name: Names[0]?.slice(1) ?? Id }));
  }

  /** 304 where it still runs, 404 and 409 where it is gone or on its way out. */
  async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 0;
      if ([304, 404, 409].includes(status)) return undefined;
      throw error;
    }
  }

  return {
    setting: { place: 'docker', data, notes, host: engine.survivorHost, variant },
    image: minimalImage,
    tally: '/tally/executions',
    executions,
    environment,
    open: async () => openLocal(data),
    startAgain: async (runId, attempt) => {
      const container = docker.getContainer(containerName('errand', runId, attempt));
      for (let looks = 0; looks < 100; looks += 1) {
        const seen = await unlessGone(container.inspect());
        if (seen === undefined) return;
        if (!seen.State.Running) break;
        await pause(20);
      }
      if ((await unlessGone(container.start())) !== undefined) startedAgain += 1;
    },
    startedAgain: () => startedAgain,
    left: async () => [...(await runners()).map(({ name }) => `container ${name}`), ...directories.processes()],
    atRest: directories.filesAtRest,
    close: async () => {
      try {
        for (const { id } of await runners())
          await unlessGone(docker.getContainer(id).remove({ force: true, v: true }));
        // Those of orchestrators that died between making and removing one; Errand removes them after ten minutes.
        for (const { what, container } of engine.answered)
          if (what === 'POST /containers/create {canary}' && container !== undefined)
            await unlessGone(docker.getContainer(container).remove({ force: true }));
      } finally {
        await engine.close();
        await directories.remove();
      }
    },
  };
}
