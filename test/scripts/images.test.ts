import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';

import { expect, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { azureCliImage, minimalImage, nodeImage } from '../../scripts/images.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';

describeWithDocker('local images, which the set-up has built', () => {
  const docker = dockerClient(dockerHost());

  /** Runs a command with the examples at /examples and no network; resolves with its exit code and what it printed. */
  async function run(image: string, command: string[], env: string[] = []): Promise<{ code: number; output: string }> {
    const sink = new PassThrough();
    let output = '';
    sink.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [result, container] = await docker.run(image, command, sink, {
      Env: env,
      Tty: true,
      HostConfig: { NetworkMode: 'none', Binds: [`${resolve('examples')}:/examples:ro`] },
    });
    await container.remove();
    return { code: result.StatusCode, output: output.replaceAll('\r', '') };
  }

  test('the minimal one has a shell, a world-writable /tmp, root, env and the runner on its path', async () => {
    const script = 'command -v script-runner.sh; stat -c %a /tmp; whoami; ls /usr/bin/env';
    const seen = await run(minimalImage, ['sh', '-c', script]);
    expect(seen.output.trim().split('\n')).toEqual(['/usr/local/bin/script-runner.sh', '1777', 'root', '/usr/bin/env']);
  });

  test('the one with Node runs a script by its first line', async () => {
    const seen = await run(nodeImage, ['/examples/word-count/word-count.mjs'], ['Text=to be or not to be', 'Top=1']);
    expect(seen).toEqual({ code: 0, output: '     2 be\n' });
  });

  const stopVm = ['/examples/stop-vm/stop-vm-azure.sh'];

  test("the original StopVM's has a stand-in az that keeps what it was asked", async () => {
    const env = ['VMName=a3etest', 'ResourceGroupName=rg', 'ERRAND_OUTPUT=/tmp/output', 'ERRAND_OUTPUT_DIR=/tmp'];
    const seen = await run(
      azureCliImage,
      ['sh', '-c', `${stopVm[0]} >/dev/null 2>&1; cat /tmp/output /tmp/az-calls.txt`],
      env,
    );
    expect(seen.output.trim().split('\n')).toEqual([
      '{"vmName":"a3etest","resourceGroupName":"rg","powerState":"VM deallocated"}',
      'login --identity --output none',
      'vm show --resource-group rg --name a3etest --query id --output tsv',
      'vm deallocate --resource-group rg --name a3etest --output none',
      expect.stringMatching(/^vm get-instance-view --resource-group rg --name a3etest /),
    ]);
  });

  test('StopVM says what it did not find', async () => {
    const seen = await run(azureCliImage, stopVm, ['VMName=no-such-vm', 'ResourceGroupName=rg']);
    expect(seen).toEqual({ code: 1, output: expect.stringContaining('no virtual machine no-such-vm in rg') });
  });
});
