import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { definitionFiles, readTask } from '../../../src/entry/commands/task-folder.ts';
import { taskFolder } from '../support/cli.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-folder-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const script = '#!/bin/sh\n';
const sha256 = createHash('sha256').update(script).digest('hex');

test('the checksum of the executable goes into what is pushed', async () => {
  const folder = await taskFolder(directory, 'Any', script);
  const [file = ''] = await definitionFiles(folder);
  const task = await readTask(file);
  expect(task.document).toMatchObject({ taskName: 'Any', sha256 });
  expect(task.warnings).toEqual([]);
});

test('a checksum of another executable is refused', async () => {
  const folder = await taskFolder(directory, 'Any', script, { sha256: '0'.repeat(64) });
  await expect(readTask(join(folder, 'Any.json'))).rejects.toMatchObject({
    code: 'invalidDefinition',
    problems: [{ path: '/sha256', allowed: sha256 }],
  });
});

test('all problems of a definition are named with their paths', async () => {
  const scriptParameters = [
    { parameterName: 'PATH', parameterType: 'string' },
    { parameterName: 'A', parameterType: 'text' },
  ];
  const folder = await taskFolder(directory, 'Any', script, { scriptParameters, dockerimage: 'x' });
  await expect(readTask(join(folder, 'Any.json'))).rejects.toMatchObject({
    problems: expect.arrayContaining([
      expect.objectContaining({ path: '/dockerimage', code: 'unknownField' }),
      expect.objectContaining({ path: '/scriptParameters/1/parameterType', code: 'notAllowed' }),
    ]),
  });
});

test('an executable that is missing is named', async () => {
  const folder = await taskFolder(directory, 'Any', script);
  await rm(join(folder, 'any.sh'));
  await expect(readTask(join(folder, 'Any.json'))).rejects.toMatchObject({
    code: 'executableMissing',
    message: expect.stringMatching(/names the executable any\.sh, but .*any\.sh is not there\. Put it beside/),
  });
});

describe('a folder', () => {
  test('may hold several definitions, and documents that are none', async () => {
    const folder = await taskFolder(directory, 'Any', script);
    await writeFile(join(folder, 'Other.json'), JSON.stringify({ taskName: 'Other' }));
    await writeFile(join(folder, 'data.json'), '[1]');
    expect(await definitionFiles(folder)).toEqual([join(folder, 'Any.json'), join(folder, 'Other.json')]);
  });

  test('with one malformed document is not passed over', async () => {
    const folder = await taskFolder(directory, 'Any', script);
    await writeFile(join(folder, 'Any.json'), '{ "taskName": "Any", }');
    const [file = ''] = await definitionFiles(folder);
    await expect(readTask(file)).rejects.toMatchObject({
      message: expect.stringMatching(/Any\.json is not JSON: .*position/),
    });
  });

  test('without a definition says what to do', async () => {
    await taskFolder(directory, 'Any', script);
    await expect(definitionFiles(directory)).rejects.toThrow(`errand push ${join(directory, 'any')}`);
    await expect(definitionFiles(join(directory, 'none'))).rejects.toThrow('"errand init');
  });
});

test.each([
  ['#!/bin/sh\r\n', 0o755, /Windows line ends/],
  ['#!/bin/sh\n', 0o644, /no run bit/],
  ['echo hello\n', 0o755, /neither #! nor the mark of a program/],
  ['', 0o755, /is empty/],
])('%j with mode %o earns a warning', async (text, mode, warning) => {
  const folder = await taskFolder(directory, 'Any', script);
  await rm(join(folder, 'any.sh'));
  await writeFile(join(folder, 'any.sh'), text, { mode });
  const { warnings } = await readTask(join(folder, 'Any.json'));
  expect(warnings).toEqual([expect.stringMatching(warning)]);
});
