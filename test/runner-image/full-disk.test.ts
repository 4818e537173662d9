import { link, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, describe, expect, test, type TestContext } from 'vitest';

import { mountSmallDisk } from '../support/small-disk.ts';
import { exchangeFor, startRunner } from './exchange.ts';
import { removePaths, shells } from './shells.ts';

afterAll(removePaths);

describe.concurrent.each(shells())('on a full disk or none, under $name', { timeout: 120_000 }, (shell) => {
  test.concurrent('a task that ends meanwhile is reported once there is room', (context) =>
    onSmallDisk(context, async (disk) => {
      const exchange = exchangeFor({ script: 'echo going; sleep 1; exit 3' }, disk);
      const running = startRunner(shell, [exchange.directory]);
      await running.printed('going');
      const free = await fill(disk);
      await sleep(3_500);
      expect(exchange.has('result.json')).toBe(false);
      await free();
      const { code, ms } = await running.ended;
      expect(code).toBe(0);
      expect(exchange.result()).toMatchObject({ started: true, exitCode: 3, timedOut: false, log: { complete: true } });
      expect(exchange.read('log').toString()).toBe('going\n');
      expect(ms).toBeLessThan(40_000);
    }));

  test.concurrent('a task that is to start meanwhile starts once there is room', (context) =>
    onSmallDisk(context, async (disk) => {
      const exchange = exchangeFor({ script: 'exit 4' }, disk);
      // Its removal would make room for the fence.
      await link(join(exchange.directory, 'ticket'), join(disk, 'ticket'));
      const free = await fill(disk);
      const running = startRunner(shell, [exchange.directory]);
      await sleep(1_500);
      expect(running.child.exitCode).toBeNull();
      expect(exchange.has('fence')).toBe(false);
      await free();
      expect((await running.ended).code).toBe(0);
      expect(exchange.result()).toMatchObject({ started: true, exitCode: 4 });
    }));

  test.concurrent('where the exchange is gone there is nothing to wait for', async () => {
    const exchange = exchangeFor({ script: 'echo going; sleep 1' });
    const running = startRunner(shell, [exchange.directory]);
    await running.printed('going');
    await rm(exchange.directory, { recursive: true });
    const { code, ms } = await running.ended;
    expect(code).not.toBe(0);
    expect(ms).toBeLessThan(40_000);
  });
});

async function onSmallDisk({ skip }: TestContext, body: (disk: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-full-'));
  const disk = await mountSmallDisk(directory, '256k');
  try {
    if ('reason' in disk) skip(disk.reason);
    else await body(disk.path);
  } finally {
    if ('path' in disk) await disk.unmount();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Takes all the room that is left; the answer gives it back. */
async function fill(disk: string): Promise<() => Promise<void>> {
  const filler = join(disk, 'filler');
  const file = await open(filler, 'w');
  try {
    for (;;) await file.write(Buffer.alloc(4_096, 0x78));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    await file.close();
  }
  return () => rm(filler);
}
