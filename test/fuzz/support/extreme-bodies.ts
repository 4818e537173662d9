import { brotliCompressSync, gzipSync } from 'node:zlib';

import { limits } from '../../../src/contract/limits.ts';
import type { FormedRequest } from './fuzz-request.ts';

interface ExtremeBody {
  name: string;
  /** Made when it is first asked for, and kept. */
  body(): string | Uint8Array;
  headers: FormedRequest['headers'];
  chunked: boolean;
  /** What it may be answered with where JSON is taken: with the size alone, where it is within the bounds, the rest of the request decides. */
  statuses: readonly number[];
}

const type = ['Content-Type', 'application/json'] as const;
const plain = (name: string, body: () => string, statuses: readonly number[], chunked = false): ExtremeBody => ({
  name: chunked ? `${name}, chunked` : name,
  body: once(body),
  headers: [type],
  chunked,
  statuses,
});
const packed = (name: string, encoding: string, body: () => Uint8Array): ExtremeBody => ({
  name,
  body: once(body),
  headers: [type, ['Content-Encoding', encoding]],
  chunked: false,
  statuses: [415, 413],
});

const deep = (depth: number) => (): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const keys = (count: number) => (): string =>
  `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(',')}}`;
const sized = (bytes: number) => (): string => JSON.stringify({ x: 'a'.repeat(bytes - '{"x":""}'.length) });

const { bodyBytes, bodyDepth, bodyKeys } = limits;

/** Bodies at the bounds of what is taken, and far beyond them. */
export const extremeBodies: readonly ExtremeBody[] = [
  ...[bodyDepth, bodyDepth + 1, 10_000].map((depth) =>
    plain(`${depth} deep`, deep(depth), depth > bodyDepth ? [400] : [404, 422]),
  ),
  plain('1,000,000 deep', deep(1_000_000), [413]),
  plain('brackets that never close', () => '['.repeat(200_000), [400]),
  ...[bodyKeys, bodyKeys + 1, 20_000].map((count) =>
    plain(`${count} keys`, keys(count), count > bodyKeys ? [400] : [404, 422]),
  ),
  plain('200,000 keys', keys(200_000), [413]),
  ...[false, true].flatMap((chunked) => [
    plain(`${bodyBytes} bytes`, sized(bodyBytes), [404, 422], chunked),
    plain(`${bodyBytes + 1} bytes`, sized(bodyBytes + 1), [413], chunked),
    plain('4 MiB', sized(4 * 1024 * 1024), [413], chunked),
  ]),
  packed('200 MB in a gzip bomb', 'gzip', () => gzipSync(Buffer.alloc(200_000_000))),
  packed('50 MB in a brotli bomb', 'br', () => brotliCompressSync(Buffer.alloc(50_000_000))),
];

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
