import { createHash } from 'node:crypto';

export interface StreamFacts {
  bytes: number;
  /** Hex. */
  sha256: string;
  /** Line ends, and one more where the last line has none. */
  lines: number;
}

const lineEnd = 0x0a;

/** Counts and hashes what comes, and keeps nothing of it. */
export async function streamFacts(source: AsyncIterable<Uint8Array>): Promise<StreamFacts> {
  const digest = createHash('sha256');
  let bytes = 0;
  let lines = 0;
  let last = lineEnd;
  for await (const chunk of source) {
    digest.update(chunk);
    bytes += chunk.length;
    for (let at = chunk.indexOf(lineEnd); at !== -1; at = chunk.indexOf(lineEnd, at + 1)) lines += 1;
    last = chunk.at(-1) ?? last;
  }
  return { bytes, sha256: digest.digest('hex'), lines: last === lineEnd ? lines : lines + 1 };
}

/** All that comes, at most `maximumBytes` of it; what comes after that is left. */
export async function readStream(source: AsyncIterable<Uint8Array>, maximumBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    chunks.push(chunk.subarray(0, maximumBytes - bytes));
    bytes += chunk.length;
    if (bytes >= maximumBytes) break;
  }
  return Buffer.concat(chunks);
}
