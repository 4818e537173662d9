import { runStates, type RunState } from '../contract/run.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { Instant, RunRecord } from '../core/run-record.ts';
import { encodedName, runKey } from './azure-names.ts';
import type { Entity, StoredEntity, Table } from './azure-table.ts';
import { recent } from './azure-recent.ts';
import { inlineUnits, readWhole, type TextProperties, type Texts } from './azure-texts.ts';

/** What has to be known of a record without reading it. */
export interface Head {
  version: number;
  open: boolean;
  /** Of a record that is not open. */
  endedAt?: Instant;
  /** The latest writes of it, as {@link writeMark} names them: an own write is known again after its answer was lost. */
  writers: readonly string[];
  /** Length of the record's text. */
  size: number;
  blob?: string;
  etag: string;
}

/** Records, each an entity of its own, by compare-and-swap on its ETag. Knows nothing of the indexes. */
export interface Records {
  /** False where the id is taken by another write. */
  create(run: RunRecord, options: Cancelable): Promise<boolean>;
  get(id: string, options: Cancelable): Promise<RunRecord | undefined>;
  head(id: string, options: Cancelable): Promise<Head | undefined>;
  /** As {@link Records.head}, from memory where this process was the last to read or write the record as far as it knows: a conditional write finds out. */
  remembered(id: string, options: Cancelable): Promise<Head | undefined>;
  /** Replaces the record that `head` is of. */
  replace(run: RunRecord, head: Head, options: Cancelable): Promise<boolean>;
  /** With its texts. Not there is fine. */
  remove(id: string, options: Cancelable): Promise<void>;
  /** The record of an entity of this table; undefined where it was replaced meanwhile. */
  parse(entity: StoredEntity, options: Cancelable): Promise<RunRecord | undefined>;
}

const headProperties = ['version', 'open', 'endedAt', 'writers', 'size', 'blob'] as const;

/** As many writes are known again. A lost answer is followed by its retry at once, so few come between. */
const rememberedWriters = 8;

/** Heads in memory: each saves the read before a write. */
const rememberedHeads = 10_000;

export function records(table: Table, texts: Texts): Records {
  const heads = recent<Head>(rememberedHeads);

  async function head(id: string, options: Cancelable): Promise<Head | undefined> {
    const key = runKey(id);
    const entity = key === undefined ? undefined : await table.get(key, { ...options, select: headProperties });
    if (entity === undefined) {
      heads.delete(id);
      return undefined;
    }
    const read = headOf(entity);
    heads.set(id, read);
    return read;
  }

  /** Writes under a mark. Where the condition did not hold, an earlier try of the same write may be why. */
  async function write(
    run: RunRecord,
    writers: readonly string[],
    options: Cancelable,
    send: (entity: Entity) => Promise<string | undefined>,
  ): Promise<boolean> {
    const { properties, size } = await texts.store(textFolder(run.id), run, options);
    const etag = await send(runEntity(run, { properties, writers, size }));
    if (etag !== undefined) {
      heads.set(run.id, { ...headFacts(run), writers, size, etag, ...blobName(properties) });
      return true;
    }
    const stored = await head(run.id, options);
    if (stored?.writers.includes(writeMark(run)) === true) return true;
    await texts.discard(properties, options);
    return false;
  }

  return {
    create: (run, options) => write(run, [writeMark(run)], options, (entity) => table.insert(entity, options)),

    get: (id, options) =>
      readWhole(async () => {
        const key = runKey(id);
        const entity = key === undefined ? undefined : await table.get(key, options);
        if (entity === undefined) {
          heads.delete(id);
          return undefined;
        }
        const loaded = await texts.load(entity, options);
        if (loaded === 'replaced') return loaded;
        heads.set(id, headOf(entity));
        return recordOf(loaded);
      }),

    head,

    remembered: async (id, options) => heads.get(id) ?? head(id, options),

    async replace(run, before, options) {
      const writers = [...before.writers, writeMark(run)].slice(-rememberedWriters);
      const done = await write(run, writers, options, (entity) => table.replace(entity, before.etag, options));
      if (done && before.blob !== undefined) await texts.discard({ blob: before.blob }, options);
      return done;
    },

    async remove(id, options) {
      const key = runKey(id);
      const stored = await head(id, options);
      if (key === undefined || stored === undefined) return;
      await table.remove(key, options);
      heads.delete(id);
      // A write that was cut off may have left a blob that no entity names. It takes a large record to have any.
      if (stored.blob !== undefined || stored.size > inlineUnits / 4) await texts.clear(textFolder(id), options);
    },

    async parse(entity, options) {
      const loaded = await texts.load(entity, options);
      return loaded === 'replaced' ? undefined : recordOf(loaded);
    },
  };
}

/** One write of one version. */
export function writeMark({ version, operationId }: Pick<RunRecord, 'version' | 'operationId'>): string {
  return `${version} ${operationId}`;
}

/** The name of the property that a label is filtered by. */
export function labelProperty(label: string): string {
  return `l_${encodedName(label)}`;
}

/** What the indexes go by. */
export function headFacts(run: RunRecord): Pick<Head, 'version' | 'open' | 'endedAt'> {
  const { version, open } = run;
  return !open && 'endedAt' in run ? { version, open, endedAt: run.endedAt } : { version, open };
}

function textFolder(id: string): string {
  return `runs/${id}`;
}

function runEntity(
  run: RunRecord,
  { properties, writers, size }: { properties: TextProperties; writers: readonly string[]; size: number },
): Entity {
  const key = runKey(run.id);
  if (key === undefined) throw new TypeError(`${JSON.stringify(run.id)} is no id of a run`);
  const labels = Object.entries(run.labels).map(([name, value]) => [labelProperty(name), value]);
  return {
    ...key,
    ...headFacts(run),
    task: run.taskName,
    state: run.state,
    writers: JSON.stringify(writers),
    size,
    ...Object.fromEntries(labels),
    ...properties,
  };
}

function headOf(entity: StoredEntity): Head {
  const { version, open, endedAt, writers, size, etag } = entity;
  return {
    version: Number(version),
    open: open === true,
    ...(typeof endedAt === 'string' ? { endedAt } : {}),
    writers: typeof writers === 'string' ? (JSON.parse(writers) as string[]) : [],
    size: Number(size),
    ...blobName(entity),
    etag,
  };
}

function blobName(properties: TextProperties | StoredEntity): { blob?: string } {
  const { blob } = properties as { blob?: unknown };
  return typeof blob === 'string' ? { blob } : {};
}

/** Only this driver writes records, so what comes back has the type that went in. */
function recordOf({ value }: { value: unknown }): RunRecord {
  return value as RunRecord;
}

export function knownState(state: unknown): RunState | undefined {
  return runStates.find((known) => known === state);
}
