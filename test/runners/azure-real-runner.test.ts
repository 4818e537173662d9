import { randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { resolve } from 'node:path';

import type Docker from 'dockerode';
import { expect, onTestFinished, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { azureBlobs } from '../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../src/core/clock.ts';
import { bytesOf, samplePlan, textOf } from '../../src/testing/sample-exchange.ts';
import { startAzurite } from '../support/azurite.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { azureHarness, resourceGroup } from './support/azure-harness.ts';
import { ensureCurlImage } from './support/curl-image.ts';
import { plainClient } from './support/occupy-group.ts';
import { listen } from '../support/listen.ts';

/** This machine, as containers on the engine's own network see it. */
async function bridgeAddress(docker: Docker): Promise<string> {
  const { IPAM } = (await docker.getNetwork('bridge').inspect()) as {
    IPAM: { Config: { Gateway?: string; Subnet?: string }[] };
  };
  const [{ Gateway, Subnet } = {}] = IPAM.Config;
  // Some engines tell only the network, whose first address it is.
  const address = Gateway ?? Subnet?.replace(/\d+\/\d+$/, '1');
  if (address === undefined) throw new Error('the network bridge has no address');
  return address;
}

/** Passes on to a port of loopback what comes to an address that containers reach. */
async function relay(host: string, port: number): Promise<number> {
  const server = createServer((incoming) => {
    const outgoing = connect(port, '127.0.0.1');
    for (const socket of [incoming, outgoing])
      socket.on('error', () => [incoming, outgoing].map((each) => each.destroy()));
    incoming.pipe(outgoing).pipe(incoming);
  });
  const bound = await listen(server, host);
  onTestFinished(() => void server.close());
  return bound;
}

const executable = `#!/bin/sh
echo "stopping $VMName with $Token"
echo '{"stopped":1}' >"$ERRAND_OUTPUT"
exit 3
`;

describeWithDocker('the real runner in a container group', () => {
  test('comes by the secret volume into an image that has none, and leaves its result in Blob storage', async () => {
    const docker = dockerClient(dockerHost());
    const image = await ensureCurlImage(docker);
    const gateway = await bridgeAddress(docker);
    const azurite = await startAzurite();
    onTestFinished(() => azurite.stop());
    const blobs = new URL(azurite.blobUrl);
    const port = await relay(gateway, Number(blobs.port));
    const store = azureBlobs({
      connection: { connectionString: azurite.connectionString },
      runnerEndpoint: `http://${gateway}:${port}${blobs.pathname}`,
      clock: systemClock,
    });
    const made = await azureHarness({ image, driver: { runnerScript: resolve('runner-image/script-runner.sh') } });
    onTestFinished(() => made.dispose());

    await store.put('stop.sh', bytesOf(executable));
    const described = await store.describe('stop.sh');
    const plan = samplePlan('stop.sh', executable, {
      environment: { VMName: 'vm-1', Token: 'sesame-open' },
      secretNames: ['Token'],
    });
    const runId = `01${randomBytes(12).toString('hex')}`;
    const exchange = store.exchange({ runId, attempt: 1 });
    const access = await exchange.open({ ...plan, executable: { ...plan.executable, etag: described?.etag ?? '' } });
    const spec = await made.prepare('', { runId, access });
    await made.driver.create(spec);
    let seen = await made.driver.observe(spec.name);
    while (seen.state !== 'exited') {
      await systemClock.sleep(50);
      seen = await made.driver.observe(spec.name);
    }

    // The container's exit code says that a result was left, and nothing of the task.
    expect(seen).toMatchObject({ exitCode: 0 });
    const result = await exchange.result();
    expect(result).toMatchObject({ started: true, exitCode: 3, output: true });
    const log = await exchange.readLog({ offset: 0, length: 10_000 });
    expect(textOf(log?.bytes)).toBe('stopping vm-1 with ***\n');
    const shown = JSON.stringify(await plainClient(made).containerGroups.get(resourceGroup, spec.name));
    expect(shown).toContain('vm-1');
    expect(`${shown}${seen.tail}`).not.toMatch(/sig=|sesame-open/);
    expect(await made.starts(spec)).toBe(1);
  });
});
