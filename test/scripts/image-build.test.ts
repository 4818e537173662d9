import { randomUUID } from 'node:crypto';

import { afterAll, expect, test } from 'vitest';

import { dockerClient } from '../../scripts/docker-client.ts';
import { buildImage, type ImageRecipe } from '../../scripts/image-build.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';

describeWithDocker('building an image without a registry', () => {
  const docker = dockerClient(dockerHost());
  const tag = `errand-test-${randomUUID()}:local`;
  const recipe = (text: string): ImageRecipe => ({
    tag,
    dockerfile: 'FROM scratch\nCOPY folder/file /file\n',
    files: new Map([['folder/file', { text }]]),
  });
  const build = async (made: ImageRecipe): Promise<string[]> => {
    const said: string[] = [];
    await buildImage(docker, made, { log: (line) => said.push(line) });
    return said;
  };

  afterAll(async () => {
    await docker.getImage(tag).remove();
  });

  test('builds once for one content, again for another', async () => {
    expect(await build(recipe('one'))).toEqual([`Building the image ${tag}`]);
    const first = await docker.getImage(tag).inspect();
    expect(await build(recipe('one'))).toEqual([]);
    expect((await docker.getImage(tag).inspect()).Id).toBe(first.Id);

    expect(await build(recipe('two'))).toHaveLength(1);
    expect((await docker.getImage(tag).inspect()).Id).not.toBe(first.Id);
    await docker.getImage(first.Id).remove();
  });

  test("an error carries the builder's reason and its steps", async () => {
    const broken = { ...recipe('one'), dockerfile: 'FROM scratch\nCOPY not-there /file\n' };
    await expect(build(broken)).rejects.toThrow(/could not be built: .*not-there[^]*Step 2\/3/);
  });
});
