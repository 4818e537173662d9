import { readdirSync, readFileSync } from 'node:fs';

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
function readRow(pid: number): ProcessRow | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, , session] = fields;
  return {
    pid,
    parent: Number(parent),
    session: Number(session),
    zombie: state === 'Z' || state === 'X',
    startTime: fields[19] ?? '',
  };
}

export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Whether exactly this process still runs. */
export function isAlive({ pid, startTime, bootId }: ProcessIdentity): boolean {
  if (bootId !== currentBootId()) return false;
  const row = readRow(pid);
  return row !== undefined && row.startTime === startTime && !row.zombie;
}

export interface ProcessFamily {
  /** Environments that mark a member: all of the entries of one of these lists. */
  marks: readonly (readonly string[])[];
  /** The session that the family began with. */
  leader: ProcessIdentity | undefined;
}

/** Listings that a search reads, at most: on a machine that never stops making processes it must end, too. */
const mostListings = 50;

/**
 * Members by mark, by session, and their descendants; never this process nor one that it descends from. Each is yielded the moment it is
 * seen, and /proc is read without giving way to other work, so that a caller who kills what it gets catches what forks and leaves. Who was
 * killed may have lost its children to another parent before these are read: their session still tells whose they are. What was listed may
 * be gone before it is read, with a child in its place that is in no list: so it is listed again until nobody is new.
 */
export function* findFamily({ marks, leader }: ProcessFamily): Generator<number> {
  const own = ownLine();
  const session = leader !== undefined && leader.bootId === currentBootId() ? leader.pid : undefined;
  const listed = new Set<number>();
  const others: ProcessRow[] = [];
  const family = new Set<number>();
  for (let listing = 0; listing < mostListings; listing += 1) {
    const unread = listProcesses().filter((pid) => !listed.has(pid));
    if (unread.length === 0) break;
    for (const pid of unread) {
      listed.add(pid);
      const row = readRow(pid);
      if (row === undefined || row.zombie || own.has(pid)) continue;
      if (row.session === session || isMarked(pid, marks)) {
        family.add(pid);
        yield pid;
      } else {
        others.push(row);
      }
    }
  }
  for (let size = -1; size !== family.size;) {
    size = family.size;
    for (const { pid, parent, session: itsSession } of others) {
      if (family.has(pid) || !(family.has(parent) || family.has(itsSession))) continue;
      family.add(pid);
      yield pid;
    }
  }
}

function listProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** This process and all that it descends from. */
function ownLine(): Set<number> {
  const found = new Set<number>();
  for (let at: number | undefined = process.pid; at !== undefined && !found.has(at); at = readRow(at)?.parent) {
    found.add(at);
  }
  return found;
}

function isMarked(pid: number, marks: ProcessFamily['marks']): boolean {
  const environment = readProc(`/proc/${pid}/environ`);
  if (environment === undefined || environment === '') return false;
  const text = `\0${environment}`;
  return marks.some((mark) => mark.every((entry) => text.includes(`\0${entry}\0`)));
}

/** Undefined where the process is gone, or is another user's. Bytes as characters. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
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
