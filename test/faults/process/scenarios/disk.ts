import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { errorTable, type ErrorCode } from '../../../../src/contract/errors.ts';
import { mountSmallDisk, type SmallDisk } from '../../../support/small-disk.ts';
import { pause } from '../../../crash/support/processes.ts';
import { nothingYet, type ScenarioOutcome } from '../outcome.ts';
import type { Answer } from '../support/callers.ts';
import { inScene, type Scene } from '../support/scene.ts';
import type { Kind } from '../support/tasks.ts';
import type { VariantName } from '../support/variants.ts';

export interface DiskOptions {
  /** How often the disk is filled and freed. */
  rounds: number;
  variant?: VariantName | undefined;
}

/** Room for the files of all runs of a scenario, and little more. */
const diskSize = '32m';
const chunk = Buffer.alloc(64 * 1024, 0x78);
const fullForMs = 2_500;
const betweenRequestsMs = 200;
/** What a server says whose disk is full, by docs/errors.md. */
const clearErrors: readonly ErrorCode[] = ['storageFull', 'artifactsUnavailable', 'storageUnavailable'];
const mixture: readonly Kind[] = ['Quick', 'Slow', 'Retried', 'Failing'];

/** The disk of the data directory fills while tasks are under way, and has room again after a while. */
export async function diskFull({ rounds, variant }: DiskOptions): Promise<ScenarioOutcome> {
  let disk: SmallDisk | undefined;
  let reason: string | undefined;
  const makeData = async (root: string): Promise<string> => {
    disk = await mountSmallDisk(root, diskSize);
    if (!('reason' in disk)) return disk.path;
    reason = disk.reason;
    return join(root, 'data');
  };
  const unmount = async (): Promise<void> => {
    if (disk !== undefined && 'unmount' in disk) await disk.unmount();
  };
  return inScene({ name: 'disk full', variant, makeData, closeData: unmount }, async (scene) => {
    if (reason !== undefined) return { ...nothingYet(), lines: [`disk full: left out, ${reason}`], leftOut: reason };
    const server = await scene.start();
    const failures: string[] = [];
    const codes = new Map<string, number>();
    let asked = 0;
    for (let round = 0; round < rounds; round += 1) {
      const before = mixture.map((kind) => scene.callers.run(`disk-${round}-before-${kind}`, kind));
      await Promise.all(before);
      await fill(scene);
      const until = performance.now() + fullForMs;
      const refused: { key: string; kind: Kind }[] = [];
      while (performance.now() < until) {
        const kind = mixture[asked % mixture.length] ?? 'Quick';
        const key = `disk-${round}-full-${(asked += 1)}`;
        await pause(betweenRequestsMs);
        const answer = await scene.callers.ask(key, kind);
        if (answer.status === 202) continue;
        refused.push({ key, kind });
        const problem = problemOf(answer);
        codes.set(problem.code, (codes.get(problem.code) ?? 0) + 1);
        if (!problem.isClear)
          failures.push(`a full disk was answered with ${answer.status} ${JSON.stringify(answer.body)}`);
      }
      if (refused.length === 0) failures.push('nothing was refused although the disk was full');
      for (const path of ['/healthz', '/api/runs', '/api/tasks/Quick']) {
        const answer = await fetch(server.url + path);
        await answer.text();
        if (answer.status !== 200) failures.push(`with a full disk GET ${path} is answered with ${answer.status}`);
      }
      await rm(fillerOf(scene));
      await Promise.all(refused.map(({ key, kind }) => scene.callers.run(key, kind)));
    }
    if (!(await scene.settle())) failures.push('it did not come to rest');
    if (!server.isUp()) failures.push(`the server has ended: ${server.said()}`);
    const ends = Object.entries(Object.groupBy(await scene.runs(), ({ state }) => state));
    const lines = [
      `filled ${rounds} times under way; refused: ${[...codes].map(([code, count]) => `${count} ${code}`).join(', ')}; ends: ${ends.map(([state, all]) => `${all.length} ${state}`).join(', ')}`,
    ];
    // A runner that cannot write its fence or its result says so, or leaves nothing: that is no success, and known to be none.
    const allowed = {
      Quick: ['failed', 'lost'],
      Slow: ['failed', 'lost'],
      Failing: ['lost'],
      Retried: ['failed', 'lost'],
    };
    return scene.judge({ faults: rounds, lines, failures, allowed });
  });
}

const fillerOf = ({ setting }: Scene): string => join(setting.data, 'filler');

/** Takes all the room that is left, and again what is freed at once. */
async function fill(scene: Scene): Promise<void> {
  const filler = await open(fillerOf(scene), 'a');
  try {
    for (let length = chunk.length; length >= 1;) {
      try {
        const { bytesWritten } = await filler.write(chunk, 0, length);
        if (bytesWritten < length) length = Math.max(1, length >> 1);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        length >>= 1;
      }
    }
  } finally {
    await filler.close();
  }
}

function problemOf({ status, contentType, body }: Answer): { code: string; isClear: boolean } {
  const code = typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : 'none';
  const row = clearErrors.includes(code as ErrorCode) ? errorTable[code as ErrorCode] : undefined;
  return { code, isClear: row?.status === status && contentType.startsWith('application/problem+json') };
}
