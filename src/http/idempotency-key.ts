import type { Problem } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';

const visible = /^[\u0021-\u007e]+$/;

/** The `Idempotency-Key` of a request, or what is wrong with it. */
export function idempotencyKey(headers: Headers): { key?: string; problems: Problem[] } {
  const key = headers.get('idempotency-key');
  if (key === null) return { problems: [] };
  const path = '/headers/Idempotency-Key';
  if (key.length === 0)
    return {
      problems: [
        { path, code: 'tooShort', message: 'Idempotency-Key is empty: send a value of your own, or leave it out' },
      ],
    };
  if (key.length > limits.idempotencyKeyLength) {
    const maximum = limits.idempotencyKeyLength;
    return {
      problems: [
        {
          path,
          code: 'tooLong',
          message: `Idempotency-Key must have at most ${maximum} characters`,
          allowed: { maxLength: maximum },
        },
      ],
    };
  }
  if (!visible.test(key))
    return {
      problems: [
        {
          path,
          code: 'invalidCharacter',
          message: 'Idempotency-Key must be of visible ASCII characters, without spaces',
        },
      ],
    };
  return { key, problems: [] };
}
