import { apiKeysFileSchema, type ApiKeyEntry } from '../../http/api-keys.ts';
import { fail, ok, warn, type Said } from './finding.ts';

const soonMs = 7 * 86_400_000;
const renew = 'Make another one with "errand keys create", hand it over, and take the old one out of the file.';

/** The entries of a file of keys; undefined where the text is none. */
export function readEntries(text: string): readonly ApiKeyEntry[] | undefined {
  try {
    return apiKeysFileSchema.parse(JSON.parse(text)).keys;
  } catch {
    // What a parser says may quote what it parsed; the caller says what the text should be.
    return undefined;
  }
}

/** How many there are, and which do not work any more or will soon not. `now` in milliseconds since the epoch. */
export function entriesSaid(entries: readonly ApiKeyEntry[], now: number): Said[] {
  if (entries.length === 0)
    return [fail('there is no key, so nobody is let in', '"errand keys create" makes one and adds it to the file.')];
  const expiring = (from: number, to: number): string[] =>
    entries.flatMap(({ name, id, expiresAt }) => {
      const at = expiresAt === undefined ? undefined : Date.parse(expiresAt);
      return at !== undefined && at > from && at <= to ? [`${name} (${id})`] : [];
    });
  const expired = expiring(Number.NEGATIVE_INFINITY, now);
  const soon = expiring(now, now + soonMs);
  const said: Said[] = [];
  if (expired.length === entries.length) said.push(fail(`all keys have expired: ${expired.join(', ')}`, renew));
  else if (expired.length > 0) said.push(warn(`expired: ${expired.join(', ')}`, renew));
  if (soon.length > 0) said.push(warn(`these expire within a week: ${soon.join(', ')}`, renew));
  return said.length > 0 ? said : [ok(`${entries.length} ${entries.length === 1 ? 'key' : 'keys'}, none expired`)];
}
