import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { containerWay } from '../crash/support/azure-containers.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';
import { describeWithDocker, dockerHost } from '../support/engine.ts';
import { scans } from './support/leak-scan.ts';
import { leakTelemetry, type LeakTelemetry } from './support/leak-telemetry.ts';
import { lookEverywhere } from './support/leak-world.ts';
import { leaks } from './support/leaky-context.ts';
import { neighbours } from './support/neighbours.ts';

let azurite: Azurite;
let directory: string;
let telemetry: LeakTelemetry;

beforeAll(async () => {
  telemetry = leakTelemetry();
  azurite = await startAzurite();
  directory = await mkdtemp(join(tmpdir(), 'errand-leaks-'));
});
afterAll(async () => {
  await telemetry.close();
  await azurite.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('a secret value and the signatures of a run', () => {
  test('are nowhere to be read by others', { timeout: 180_000 }, async () => {
    const seen = await lookEverywhere({ azurite, telemetry, prefix: 'tight', gate: join(directory, 'tight') });
    expect(seen.empty()).toEqual([]);
    expect(seen.found()).toEqual({});
  });

  test.concurrent.each(scans)('are found in %s where they are let out', { timeout: 180_000 }, async (scan) => {
    const prefix = `leak${scans.indexOf(scan)}`;
    const seen = await lookEverywhere({
      azurite,
      telemetry,
      prefix,
      gate: join(directory, prefix),
      decorate: leaks[scan],
    });
    expect(Object.keys(seen.found())).toContain(scan);
  });
});

test('without containers a run reads them in /proc of another: the search finds what is there', async () => {
  const { ofTheOther, secret, signature } = await neighbours(azurite, 'processes');
  expect({ isThere: ofTheOther > 0, secret, signature }).toEqual({ isThere: true, secret: true, signature: true });
});

describeWithDocker('between containers', () => {
  test('a run sees in /proc no other', async () => {
    const containers = await containerWay(dockerHost(), azurite);
    try {
      const { processes, ...other } = await neighbours(azurite, 'containers', containers);
      expect(processes).toBeGreaterThan(0);
      expect(other).toEqual({ ofTheOther: 0, secret: false, signature: false });
    } finally {
      await containers.close();
    }
  });
});
