import { createHash } from 'node:crypto';
import { runIdPattern } from '../contract/names.ts';

/** Crockford's alphabet in lower case: the digits of run ids, in the order of their values, which is that of ASCII. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';
const dayMs = 86_400_000;
const lastDay = 99_999_999;

/** Each day's runs lie in this many partitions. One takes some 2,000 writes a second (https://learn.microsoft.com/azure/storage/tables/scalability-targets). Never to be changed: it is part of every key. */
export const shards = 4;

/** Milliseconds since the epoch at which a run was accepted, by its id (https://github.com/ulid/spec). */
function timeOf(runId: string): number {
  let time = 0;
  for (const digit of runId.slice(0, 10)) time = time * 32 + digits.indexOf(digit);
  return time;
}

/** The smallest id of an instant, so that an instant is a range of ids. */
export function smallestId(ms: number): string {
  let time = '';
  for (let rest = Math.max(ms, 0); time.length < 10; rest = Math.floor(rest / 32))
    time = (digits[rest % 32] ?? '') + time;
  return time + '0'.repeat(16);
}

/** Part of a partition's name: keys sort ascending, and newer days are to come first. */
export function dayOf(runId: string): string {
  return String(lastDay - Math.floor(timeOf(runId) / dayMs)).padStart(8, '0');
}

/** FNV-1a, in 32 bits: spreads ids that follow each other. */
export function shardOf(runId: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < runId.length; index += 1)
    hash = Math.imul(hash ^ runId.charCodeAt(index), 0x01000193) >>> 0;
  return hash % shards;
}

export function partitionOf(day: string, shard: number): string {
  return `${day}-${shard}`;
}

/** Ids sort by time; inverted ones the other way round. Inverts either way. */
export function inverted(runId: string): string {
  return Array.from(runId, (digit) => digits[31 - digits.indexOf(digit)] ?? '').join('');
}

/** Where a run's record is: both keys come from the id alone. Undefined for what cannot be an id. */
export function runKey(runId: string): { partitionKey: string; rowKey: string } | undefined {
  if (!runIdPattern.test(runId)) return undefined;
  return { partitionKey: partitionOf(dayOf(runId), shardOf(runId)), rowKey: inverted(runId) };
}

/** Any text as part of a key or a property's name: what is not a letter or digit is written as its code. Long ones end in their hash. */
export function encodedName(text: string): string {
  const encoded = text.replaceAll(/[^A-Za-z0-9]/g, (unit) => `_${unit.charCodeAt(0).toString(16)}_`);
  if (encoded.length <= 240) return encoded;
  return `${encoded.slice(0, 170)}_${createHash('sha256').update(text).digest('hex')}`;
}

/** A string within an OData filter. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
