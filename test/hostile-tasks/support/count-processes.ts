import { readFile } from 'node:fs/promises';

import type Docker from 'dockerode';

/** What the kernel says of the processes of a container. */
export interface ProcessCount {
  /** How many there are. */
  current: number;
  /** How many more were refused so far, for there are no more than it may have. */
  refused: number;
}

/**
 * Reads the files of the container's control group; undefined for a container that has just gone. Needs no process in the container, nor its output.
 * Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#pid, and https://docs.kernel.org/admin-guide/cgroup-v1/pids.html
 */
export async function countProcesses(container: Docker.Container): Promise<ProcessCount | undefined> {
  try {
    const { State } = await container.inspect();
    const directory = groupDirectory(await readFile(`/proc/${State.Pid}/cgroup`, 'utf8'));
    const [current, events] = await Promise.all(
      ['pids.current', 'pids.events'].map((name) => readFile(`${directory}/${name}`, 'utf8')),
    );
    return { current: Number(current), refused: Number(/^max (\d+)$/m.exec(events ?? '')?.[1]) };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Of the controller that counts processes: its own hierarchy in version 1, the only one in version 2. */
function groupDirectory(groups: string): string {
  const [, own] = /^\d+:pids:(.*)$/m.exec(groups) ?? [];
  if (own !== undefined) return `/sys/fs/cgroup/pids${own}`;
  const [, only = ''] = /^0::(.*)$/m.exec(groups) ?? [];
  return `/sys/fs/cgroup${only}`;
}

function isGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  return code === 'ENOENT' || code === 'ESRCH' || code === 'ENODEV' || statusCode === 404;
}
