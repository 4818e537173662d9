import { ErrandError } from '../contract/errors.ts';

export interface ByteRange {
  start: number;
  /** Exclusive. */
  end: number;
}

/**
 * The one range that a request asks for (RFC 9110, section 14). Undefined where it asks for none, or in a form that may be ignored: another unit,
 * or several ranges. Throws `rangeNotSatisfiable`.
 */
export function byteRange(header: string | null, size: number): ByteRange | undefined {
  const [, first = '', last = ''] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    if (Number(last) === 0 || size === 0) throw unsatisfiable(size);
    return { start: Math.max(0, size - Number(last)), end: size };
  }
  const start = Number(first);
  // Such a range is invalid, and invalid ones are ignored.
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw unsatisfiable(size);
  return { start, end: last === '' ? size : Math.min(size, Number(last) + 1) };
}

function unsatisfiable(size: number): ErrandError {
  return new ErrandError('rangeNotSatisfiable', `there are ${size} bytes now: ask for a range that begins within them`);
}
