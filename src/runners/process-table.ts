import { readdir, readFile } from 'node:fs/promises';

/** A process, told from a later one with the same number by its start time (clock ticks since boot) and the boot. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
  bootId: string;
}

interface ProcessRow {
  pid: number;
  parent: number;
  session: number;
  zombie: boolean;
  startTime: string;
}

/** Source: proc_pid_stat(5): fields 3, 4, 6 and 22, counted behind the name, which may hold anything. */
async function readRow(pid: number): Promise<ProcessRow | undefined> {
  const stat = await readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat
    .toString('latin1')
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ');
  const [state, parent, , session] = fields;
  return {
    pid,
    parent: Number(parent),
    session: Number(session),
    zombie: state === 'Z' || state === 'X',
    startTime: fields[19] ?? '',
  };
}

export async function currentBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Whether exactly this process still runs. */
export async function isAlive({ pid, startTime, bootId }: ProcessIdentity): Promise<boolean> {
  if (bootId !== (await currentBootId())) return false;
  const row = await readRow(pid);
  return row !== undefined && row.startTime === startTime && !row.zombie;
}

export interface ProcessFamily {
  /** Environments that mark a member: all of the entries of one of these lists. */
  marks: readonly (readonly string[])[];
  /** The session that the family began with. */
  leader: ProcessIdentity | undefined;
}

/** Members by mark, by session, and their descendants; never this process nor one that it descends from. */
export async function findFamily({ marks, leader }: ProcessFamily): Promise<number[]> {
  const rows = new Map<number, ProcessRow>();
  for (const entry of await readdir('/proc')) {
    const row = /^\d+$/.test(entry) ? await readRow(Number(entry)) : undefined;
    if (row !== undefined && !row.zombie) rows.set(row.pid, row);
  }
  const kept = ancestors(rows, process.pid);
  const session = leader !== undefined && leader.bootId === (await currentBootId()) ? leader.pid : undefined;
  const family = new Set<number>();
  for (const row of rows.values()) {
    if (kept.has(row.pid)) continue;
    if (row.session === session || (await isMarked(row.pid, marks))) family.add(row.pid);
  }
  for (let size = -1; size !== family.size;) {
    size = family.size;
    for (const row of rows.values()) if (family.has(row.parent) && !kept.has(row.pid)) family.add(row.pid);
  }
  return [...family];
}

function ancestors(rows: ReadonlyMap<number, ProcessRow>, pid: number): Set<number> {
  const found = new Set<number>();
  for (let at: number | undefined = pid; at !== undefined && !found.has(at); at = rows.get(at)?.parent) found.add(at);
  return found;
}

async function isMarked(pid: number, marks: ProcessFamily['marks']): Promise<boolean> {
  const environment = await readProc(`/proc/${pid}/environ`);
  if (environment === undefined || environment.length === 0) return false;
  const text = `\0${environment.toString('latin1')}`;
  return marks.some((mark) => mark.every((entry) => text.includes(`\0${entry}\0`)));
}

/** Undefined where the process is gone, or is another user's. */
async function readProc(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && gone.has(String(error.code))) return undefined;
    throw error;
  }
}

const gone = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

/** False where there is no such process any more. */
export function signalProcess(pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
