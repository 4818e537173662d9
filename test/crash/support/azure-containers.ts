import { appendFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { dockerClient } from '../../../scripts/docker-client.ts';
import { serverConfig } from '../../../src/entry/config.ts';
import { blobGateway } from '../../../src/entry/functions/host/blob-gateway.ts';
import { runnerAddress } from '../../../src/entry/local-azure/runner-address.ts';
import { ensureCurlImage } from '../../runners/support/curl-image.ts';
import type { Azurite } from '../../support/azurite.ts';
import { listen } from '../../support/listen.ts';

/** How container groups that are real containers reach Blob storage and the harness. */
export interface ContainerWay {
  dockerHost: string;
  image: string;
  /** Blob storage as they see it. */
  blobEndpoint: string;
  /** Where a task notes its executions; they are appended to this file. */
  tallyUrl(file: string): string;
  close(): Promise<void>;
}

export async function containerWay(dockerHost: string, azurite: Azurite): Promise<ContainerWay> {
  const image = await ensureCurlImage(dockerClient(dockerHost));
  const { docker } = serverConfig({ DOCKER_HOST: dockerHost }, { driver: 'docker' });
  const { listen: host, seen } = await runnerAddress(docker.connection);
  const blobs = await blobGateway({
    target: azurite.blobUrl,
    host,
    seenAs: seen,
    onCreated: async () => undefined,
    // Cut off by what is being tested: the runner tries again, or is gone.
    onError: () => undefined,
  });
  const files: string[] = [];
  const tally = createServer((incoming, outgoing) => {
    const file = files[Number(incoming.url?.slice(1))];
    const note = async (): Promise<void> => {
      const bytes = Buffer.concat(await incoming.toArray());
      if (file !== undefined) appendFileSync(file, bytes);
      outgoing.writeHead(file === undefined ? 404 : 204).end();
    };
    note().catch(() => outgoing.destroy());
  });
  const port = await listen(tally, host);
  return {
    dockerHost,
    image,
    blobEndpoint: blobs.url,
    tallyUrl: (file) => `http://${seen}:${port}/${files.push(file) - 1}`,
    close: async () => {
      tally.closeAllConnections();
      const closed = once(tally, 'close');
      tally.close();
      await closed;
      await blobs.close();
    },
  };
}
