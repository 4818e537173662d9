import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesystemArtifacts } from '../../src/artifacts/filesystem.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ArtifactStore } from '../../src/core/ports/artifact-store.ts';
import { keptName, keptVersions, versionOf, versions, type Versions } from '../../src/core/versions.ts';
import { sha256Of } from '../../src/testing/sample-exchange.ts';

let directory: string;
let artifacts: ArtifactStore;
let kept: Versions;
let now = 0;
const clock = { now: () => (now += 1) };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-versions-'));
  artifacts = filesystemArtifacts({ directory, clock: systemClock });
  kept = versions(artifacts, clock);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const documentOf = (number: number) => ({ taskName: 'T', description: `${number}` });
const keep = (number: number, text = 'echo', taskName = 'T') =>
  kept.keep(taskName, documentOf(number), {
    name: 't.sh',
    sha256: sha256Of(text),
    body: async () => Buffer.from(text),
  });
const versionNumber = (number: number, text = 'echo') => versionOf(documentOf(number), sha256Of(text));
const names = async (taskName = 'T') => (await kept.list(taskName)).map(({ version }) => version);

test('a version is the content of document and executable, whatever the order of fields', () => {
  const version = versionOf({ a: 1, b: { c: [1, 2], d: null } }, 'e');
  expect(version).toMatch(/^[0-9a-f]{16}$/);
  expect(versionOf({ b: { d: null, c: [1, 2] }, a: 1 }, 'e')).toBe(version);
  for (const other of [{ a: 1, b: { c: [2, 1], d: null } }, { a: 1, b: { c: [1, 2] } }, { a: '1', b: {} }, [['a', 1]]])
    expect(versionOf(other, 'e')).not.toBe(version);
  expect(versionOf({ a: 1, b: { c: [1, 2], d: null } }, 'f')).not.toBe(version);
});

test('what is kept again counts as the latest, and its executable is not stored again', async () => {
  await keep(1);
  await keep(2);
  await keep(1, 'echo');
  expect(await names()).toEqual([versionNumber(1), versionNumber(2)]);
  const again = kept.keep('T', documentOf(1), {
    name: 't.sh',
    sha256: sha256Of('echo'),
    body: () => Promise.reject(new Error('it was asked for')),
  });
  await expect(again).resolves.toBeUndefined();
  expect(await kept.load('T', versionNumber(2))).toMatchObject({
    document: documentOf(2),
    executable: { name: 't.sh', sha256: sha256Of('echo'), bytes: 4 },
  });
});

test('only the latest are kept, each task for itself', async () => {
  await keep(0, 'other', 'TT');
  for (let number = 0; number <= keptVersions; number += 1) await keep(number, `echo ${number}`);
  const left = await names();
  expect(left).toHaveLength(keptVersions);
  expect(left).not.toContain(versionNumber(0, 'echo 0'));
  expect(await artifacts.versions.describe(keptName('T', versionNumber(0, 'echo 0')))).toBeUndefined();
  expect(Buffer.from(await kept.executable('T', versionNumber(7, 'echo 7'))).toString()).toBe('echo 7');
  expect(await names('TT')).toHaveLength(1);

  // A process that died in the middle of keeping one has left an executable alone.
  await artifacts.versions.put(keptName('T', 'f'.repeat(16)), Buffer.from('echo'));
  await kept.removeAll('T');
  expect(await artifacts.versions.describe(keptName('T', 'f'.repeat(16)))).toBeUndefined();
  await expect(kept.load('T', versionNumber(7, 'echo 7'))).rejects.toMatchObject({ code: 'versionNotFound' });
  await expect(kept.executable('T', versionNumber(7, 'echo 7'))).rejects.toMatchObject({ code: 'versionNotFound' });
  expect(await names('TT')).toHaveLength(1);
});
