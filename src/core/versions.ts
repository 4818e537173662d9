import { createHash } from 'node:crypto';
import { ErrandError } from '../contract/errors.ts';
import { instant, type Clock } from './clock.ts';
import type { TaskVersion } from '../contract/run.ts';
import type { ArtifactInfo, ArtifactStore } from './ports/artifact-store.ts';

/** Of each task; older ones are removed when another is pushed. */
export const keptVersions = 20;

const suffix = '.json';

/**
 * Names a task by its content: 16 hexadecimal digits of SHA-256 over the document, whatever the order of its fields, and the executable's own. What was
 * pushed twice is one version.
 */
export function versionOf(document: unknown, executableSha256: string): string {
  return createHash('sha256')
    .update(JSON.stringify([sorted(document), executableSha256]))
    .digest('hex')
    .slice(0, 16);
}

/** Of the executable of a version, among the files that are kept. */
export function keptName(taskName: string, version: string): string {
  return `${taskName}.${version}.executable`;
}

/** What was pushed, version by version. What people put beside the definitions by hand is no version until it is pushed. */
export interface Versions {
  /** Repeatable. What is kept again counts as the latest. */
  keep(
    taskName: string,
    document: unknown,
    executable: { name: string; sha256: string; body: () => Promise<Uint8Array> },
    signal?: AbortSignal,
  ): Promise<void>;
  /** The latest first. */
  list(taskName: string, signal?: AbortSignal): Promise<TaskVersion[]>;
  /** Throws `versionNotFound`. */
  load(taskName: string, version: string, signal?: AbortSignal): Promise<TaskVersion & { document: unknown }>;
  /** Throws `versionNotFound`. */
  executable(taskName: string, version: string, signal?: AbortSignal): Promise<Uint8Array>;
  removeAll(taskName: string, signal?: AbortSignal): Promise<void>;
}

/** What is stored of a version beside its executable. The time is our own: a store may tell whole seconds only. */
interface Kept {
  keptAt: string;
  document: unknown;
  executable: { name: string; sha256: string; bytes: number };
}

export function versions({ versions: files }: Pick<ArtifactStore, 'versions'>, clock: Pick<Clock, 'now'>): Versions {
  async function infos(taskName: string, signal?: AbortSignal): Promise<(ArtifactInfo & { version: string })[]> {
    const found: (ArtifactInfo & { version: string })[] = [];
    // A name has no dot, so the files of Stop are not those of StopVM.
    const prefix = `${taskName}.`;
    for await (const info of files.list({ prefix, signal }))
      if (info.name.endsWith(suffix)) found.push({ ...info, version: info.name.slice(prefix.length, -suffix.length) });
    return found.toSorted((a, b) => (a.modifiedAt < b.modifiedAt ? 1 : -1));
  }

  async function read(taskName: string, version: string, signal?: AbortSignal) {
    const found = await files.get(`${taskName}.${version}${suffix}`, { signal });
    if (found === undefined || found.unchanged) return undefined;
    return { version, ...(JSON.parse(Buffer.from(found.body).toString('utf8')) as Kept) };
  }

  async function remove(taskName: string, version: string, signal?: AbortSignal): Promise<void> {
    // What the listing goes by is removed last: one that is cut off is done again.
    await files.delete(keptName(taskName, version), { signal });
    await files.delete(`${taskName}.${version}${suffix}`, { signal });
  }

  return {
    keep: async (taskName, document, { name, sha256, body }, signal) => {
      const version = versionOf(document, sha256);
      const there = await files.describe(keptName(taskName, version), { signal });
      const bytes = there?.bytes ?? (await kept(await body()));
      const text = JSON.stringify({
        keptAt: instant(clock.now()),
        document,
        executable: { name, sha256, bytes },
      } satisfies Kept);
      await files.put(`${taskName}.${version}${suffix}`, Buffer.from(text), { signal });
      for (const old of (await infos(taskName, signal)).slice(keptVersions))
        await remove(taskName, old.version, signal);

      async function kept(content: Uint8Array): Promise<number> {
        await files.put(keptName(taskName, version), content, { signal });
        return content.length;
      }
    },
    list: async (taskName, signal) => {
      const found: TaskVersion[] = [];
      for (const { version } of await infos(taskName, signal)) {
        const each = await read(taskName, version, signal);
        // It may have been removed since it was listed.
        if (each !== undefined) found.push({ version, keptAt: each.keptAt, executable: each.executable });
      }
      return found.toSorted((a, b) => (a.keptAt < b.keptAt ? 1 : -1));
    },
    load: async (taskName, version, signal) => {
      const found = await read(taskName, version, signal);
      if (found === undefined) throw notFound(taskName, version);
      return found;
    },
    executable: async (taskName, version, signal) => {
      const found = await files.get(keptName(taskName, version), { signal });
      if (found === undefined || found.unchanged) throw notFound(taskName, version);
      return found.body;
    },
    removeAll: async (taskName, signal) => {
      const names: string[] = [];
      for await (const { name } of files.list({ prefix: `${taskName}.`, signal })) names.push(name);
      for (const name of names) await files.delete(name, { signal });
    },
  };
}

function notFound(taskName: string, version: string): ErrandError {
  return new ErrandError(
    'versionNotFound',
    `there is no version ${JSON.stringify(version.slice(0, 80))} of ${taskName}: "errand versions ${taskName}" lists the latest ${keptVersions} that were pushed`,
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}
