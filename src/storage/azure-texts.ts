import { randomUUID } from 'node:crypto';
import { ErrandError } from '../contract/errors.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { StoredEntity } from './azure-table.ts';
import type { TextBlobs } from './azure-text-blobs.ts';

/** A property takes 64 KiB of UTF-16, which are 32,768 units. Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
const pieceUnits = 32_000;

/** An entity takes 1 MiB, so 524,288 units of UTF-16: this leaves room for everything beside the text. */
export const inlineUnits = 450_000;

/** Properties that together hold a text, or the name of the blob that does. */
export type TextProperties = Record<string, string>;

const pieceName = (index: number): string => `text${String(index).padStart(2, '0')}`;

/**
 * JSON with every other character than ASCII escaped: it may be cut anywhere, and passes services that take the bytes of a character apart (Azurite 3.37 does,
 * where one lies across two of its buffers).
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Cuts a text into pieces for properties. */
export function textPieces(text: string): TextProperties {
  const pieces: TextProperties = {};
  for (let index = 0; index * pieceUnits < text.length; index += 1)
    pieces[pieceName(index)] = text.slice(index * pieceUnits, (index + 1) * pieceUnits);
  return pieces;
}

export function joinedPieces(entity: StoredEntity): string {
  const pieces: string[] = [];
  for (let piece = entity[pieceName(0)]; typeof piece === 'string'; piece = entity[pieceName(pieces.length)])
    pieces.push(piece);
  return pieces.join('');
}

/** The blob that holds the text of an entity; undefined where the entity holds it itself. */
export function blobOf(entity: StoredEntity): string | undefined {
  return typeof entity['blob'] === 'string' ? entity['blob'] : undefined;
}

/** Where values of any size lie, as JSON: in the entity as long as it has room, else in a blob of its own that the entity names. */
export interface Texts {
  /**
   * The properties for an entity that is about to be written, and the length of the text. A blob is written first, under a name that nobody else uses:
   * killed before the entity is written, nobody knows of it, and what was there stays whole.
   */
  store(folder: string, value: unknown, options: Cancelable): Promise<{ properties: TextProperties; size: number }>;
  /** `replaced` where the blob was since the entity was read: read the entity again. */
  load(entity: StoredEntity, options: Cancelable): Promise<{ value: unknown } | 'replaced'>;
  /** Removes a blob that no entity names any more. */
  discard(properties: TextProperties | StoredEntity | undefined, options: Cancelable): Promise<void>;
  /** Removes everything in a folder, also what crashes have left in it. */
  clear(folder: string, options: Cancelable): Promise<void>;
}

export function texts(blobs: TextBlobs): Texts {
  return {
    async store(folder, value, options) {
      const text = asciiJson(value);
      const size = text.length;
      if (size <= inlineUnits) return { properties: textPieces(text), size };
      const blob = `${folder}/${randomUUID()}`;
      await blobs.put(blob, text, options);
      return { properties: { blob }, size };
    },
    async load(entity, options) {
      const blob = blobOf(entity);
      const text = blob === undefined ? joinedPieces(entity) : await blobs.get(blob, options);
      return text === undefined ? 'replaced' : { value: JSON.parse(text) };
    },
    async discard(properties, options) {
      const blob = properties?.['blob'];
      if (typeof blob === 'string') await blobs.remove(blob, options);
    },
    clear: (folder, options) => blobs.clear(folder, options),
  };
}

/** What `read` gives, again where its text was replaced between the reading of the entity and that of the blob. */
export async function readWhole<T>(read: () => Promise<T | 'replaced'>): Promise<T> {
  for (let tries = 0; tries < 10; tries += 1) {
    const found = await read();
    if (found !== 'replaced') return found;
  }
  throw new ErrandError(
    'storageCorrupt',
    'A record names a blob that is not there. Somebody has deleted from the blob container of the records: restore it (soft delete), or delete the run.',
  );
}
