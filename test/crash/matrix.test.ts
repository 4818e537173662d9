import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { RunnerDriver } from '../../src/core/ports/runner-driver.ts';
import { dockerOnAzureStorage } from '../../src/entry/docker-on-azure-storage.ts';
import { packageRoot } from '../../src/entry/package-root.ts';
import { dockerRunner } from '../../src/runners/docker.ts';
import { processRunner } from '../../src/runners/process.ts';
import { shortAzureDriver } from './support/azure-driver.ts';
import { driverNames } from './support/crash-case.ts';
import { compositions, matrix, matrixDrivers, matrixLines, reach } from './support/matrix.ts';

const shared = {
  logger: silentLogger,
  clock: systemClock,
  runnerScript: join(packageRoot, 'runner-image/script-runner.sh'),
  directory: '/nowhere',
  maximumRunners: 1,
};
/** Nothing is asked of them but what they can do. */
const drivers: RunnerDriver[] = [
  processRunner({ ...shared, baseEnvironment: {} }),
  dockerRunner({ ...shared, connection: { socketPath: '/nowhere/docker.sock' } }),
  dockerOnAzureStorage(shared),
  shortAzureDriver({ dockerHost: 'http://127.0.0.1:1' }, shared),
];

test('every driver takes what the matrix says that it takes, and nothing else', async () => {
  for (const name of matrixDrivers) {
    const own = drivers.filter((driver) => driver.name === name);
    expect(new Set(own.flatMap(({ capabilities }) => capabilities.exchanges))).toEqual(new Set(reach[name]));
  }
  for (const driver of drivers) await driver.close();
});

test('storage and artifact store are put together nowhere but as the matrix says', () => {
  const factories = {
    sqliteStorage: 'sqlite',
    azureTablesStorage: 'azure-tables',
    filesystemArtifacts: 'filesystem',
    azureBlobs: 'azure-blobs',
  } as const;
  const composed = globSync('src/{entry,http,core}/**/*.ts', { cwd: packageRoot }).flatMap((path) => {
    const text = readFileSync(join(packageRoot, path), 'utf8');
    const parts = Object.entries(factories).flatMap(([factory, part]) =>
      new RegExp(String.raw`\b${factory}\(`).test(text) ? [part] : [],
    );
    return parts.length < 2 ? [] : [parts];
  });
  expect(composed).toEqual(expect.arrayContaining(compositions.map(({ storage, store }) => [storage, store])));
  expect(composed).toHaveLength(compositions.length);
});

test('each cell is crashed by a script, or cannot be, for a reason', () => {
  const cells = matrix();
  expect(cells).toHaveLength(12);
  expect(cells.flatMap((cell) => ('as' in cell ? [cell.as] : [])).toSorted()).toEqual(driverNames.toSorted());
  const lines = matrixLines(new Map([['docker', '7 points']]));
  expect(lines.filter((line) => line.includes('cannot be: '))).toHaveLength(8);
  expect(lines.filter((line) => line.includes('not part of this run: npm run test:crash'))).toHaveLength(3);
  expect(lines.find((line) => line.includes('7 points'))).toMatch(/docker +sqlite +filesystem/);
});
