import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ErrandError } from '../../src/contract/errors.ts';
import { sealer } from '../../src/core/seal.ts';

const key = randomBytes(32);
const values = { Token: 'hunter2 \u{1F512}\n', Other: '' };

/** The error that is thrown, or a value where none is. */
function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test('what was sealed comes back, with no prototype', () => {
  const sealed = sealer(key).seal(values, 'run-1');
  const opened = sealer(key).open(sealed, 'run-1');
  expect({ ...opened }).toEqual(values);
  expect(Object.getPrototypeOf(opened)).toBeNull();
});

test('an envelope shows nothing, and never looks the same twice', () => {
  const first = sealer(key).seal(values, 'run-1');
  const second = sealer(key).seal(values, 'run-1');
  expect(JSON.stringify(first)).not.toContain('hunter2');
  expect(Buffer.from(first.data, 'base64').toString('latin1')).not.toContain('hunter2');
  expect(first.iv).not.toBe(second.iv);
  expect(first.data).not.toBe(second.data);
  expect(Buffer.from(first.iv, 'base64')).toHaveLength(12);
});

describe('does not open', () => {
  const sealed = sealer(key).seal(values, 'run-1');
  const flip = (base64: string) => {
    const bytes = Buffer.from(base64, 'base64');
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    return bytes.toString('base64');
  };

  test.each([
    ['with another key', () => sealer(randomBytes(32)).open(sealed, 'run-1'), 'another key'],
    ['in another record', () => sealer(key).open(sealed, 'run-2'), 'damaged'],
    ['with changed data', () => sealer(key).open({ ...sealed, data: flip(sealed.data) }, 'run-1'), 'damaged'],
    ['with a changed tag', () => sealer(key).open({ ...sealed, tag: flip(sealed.tag) }, 'run-1'), 'damaged'],
    [
      'with a shortened tag',
      () =>
        sealer(key).open(
          { ...sealed, tag: Buffer.from(sealed.tag, 'base64').subarray(0, 4).toString('base64') },
          'run-1',
        ),
      'damaged',
    ],
    ['with another iv', () => sealer(key).open({ ...sealed, iv: flip(sealed.iv) }, 'run-1'), 'damaged'],
    ['with an empty iv', () => sealer(key).open({ ...sealed, iv: '' }, 'run-1'), 'damaged'],
    ['with another key id', () => sealer(key).open({ ...sealed, keyId: 'short' }, 'run-1'), 'another key'],
  ])('%s', (_, open, message) => {
    const error = thrown(open);
    expect(error).toBeInstanceOf(ErrandError);
    expect(error).toMatchObject({ code: 'secretUnavailable', message: expect.stringContaining(message) });
    expect(String(error)).not.toContain('hunter2');
  });
});

test.each([0, 16, 31, 33])('a key of %i bytes is refused with the way out', (length) => {
  expect(thrown(() => sealer(randomBytes(length)))).toMatchObject({
    code: 'invalidConfiguration',
    message: expect.stringMatching(new RegExp(`${length} bytes.*openssl rand`)),
  });
});

test('a mac depends on text and key', () => {
  const mac = sealer(key).mac('request');
  expect(mac).toMatch(/^[a-f0-9]{64}$/);
  expect(sealer(key).mac('request')).toBe(mac);
  expect(sealer(key).mac('request2')).not.toBe(mac);
  expect(sealer(randomBytes(32)).mac('request')).not.toBe(mac);
});
