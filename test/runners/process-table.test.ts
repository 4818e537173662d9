import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { findFamily, signalProcess } from '../../src/runners/process-table.ts';

/** Field 4 of proc_pid_stat(5). */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

test('a child is found although its parent died, and it got another, before it was read', async () => {
  const mark = `MARK=${process.pid}`;
  const parent = spawn('sh', ['-c', 'env -i sleep 300 & echo $!; wait'], {
    detached: true,
    env: { PATH: process.env['PATH'], MARK: String(process.pid) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const child = Number(String(line));
  try {
    const found: number[] = [];
    for (const pid of findFamily({ marks: [[mark]], leader: undefined })) {
      found.push(pid);
      if (pid !== parent.pid) continue;
      signalProcess(pid, 'SIGKILL');
      for (let waited = 0; parentOf(child) === pid && waited < 5_000; waited += 1)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      expect(parentOf(child)).not.toBe(pid);
    }
    expect(found).toEqual([parent.pid, child]);
  } finally {
    signalProcess(child, 'SIGKILL');
  }
});

test('what is always one process, and never the same for long, is found whenever it is looked for', async () => {
  const mark = `HOPS=${process.pid}`;
  const find = () => [...findFamily({ marks: [[mark]], leader: undefined })];
  const first = spawn('sh', ['-c', 'hop() { sleep 0.01; hop & }; echo up; hop'], {
    env: { PATH: process.env['PATH'], HOPS: String(process.pid) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(first.stdout, 'data');
    for (let look = 0; look < 200; look += 1) {
      expect(find(), `look ${look}`).not.toEqual([]);
      await sleep(1);
    }
  } finally {
    for (let round = 0; round < 100 && find().length > 0; round += 1)
      for (const pid of findFamily({ marks: [[mark]], leader: undefined })) signalProcess(pid, 'SIGKILL');
  }
  expect(find()).toEqual([]);
});
