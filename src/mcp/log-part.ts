import { toText, wholeCharacters } from '../core/log-text.ts';
import { isRefusedWith } from './call-error.ts';
import type { Errand } from './errand.ts';

/** A part of a log. `start` and `end` in bytes, `end` exclusive; `size` is what the log has now. */
export interface LogPart {
  text: string;
  start: number;
  end: number;
  size: number;
}

export interface AskedPart {
  /** The last one unless it is said. */
  attempt?: number | undefined;
  /** Where to begin; without it, the part is the end of the log. */
  offset?: number | undefined;
  /** At most so many. */
  bytes: number;
}

/** Reads a part that begins and ends with whole characters, so that parts can be put together. A log without such a part gives an empty one. */
export async function readLogPart(
  errand: Pick<Errand, 'log'>,
  runId: string,
  { attempt, offset, bytes }: AskedPart,
  signal: AbortSignal,
): Promise<LogPart> {
  const range = offset === undefined ? `bytes=-${bytes}` : `bytes=${offset}-${offset + bytes - 1}`;
  let response: Response;
  try {
    response = await errand.log(runId, { attempt, range, signal });
  } catch (error) {
    if (isRefusedWith(error, 'rangeNotSatisfiable')) return await nothing(errand, runId, { attempt, offset }, signal);
    throw error;
  }
  const content = new Uint8Array(await response.arrayBuffer());
  const [, first = '0', all = String(content.length)] =
    /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  const size = Number(all);
  const cutBefore = offset === undefined && Number(first) > 0 ? continuationBytes(content) : 0;
  const start = Number(first) + cutBefore;
  const rest = content.subarray(cutBefore);
  const whole = start + rest.length < size ? wholeCharacters(rest) : rest.length;
  // A part that is too short for one character is given as it is: whoever reads on must get on.
  const taken = whole === 0 ? rest : rest.subarray(0, whole);
  return { text: toText(taken), start, end: start + taken.length, size };
}

/** There is nothing there, or nothing there yet: how much there is before it, only a part that there is can tell. */
async function nothing(
  errand: Pick<Errand, 'log'>,
  runId: string,
  { attempt, offset }: Omit<AskedPart, 'bytes'>,
  signal: AbortSignal,
): Promise<LogPart> {
  const size = offset === undefined ? 0 : (await readLogPart(errand, runId, { attempt, bytes: 1 }, signal)).size;
  return { text: '', start: size, end: size, size };
}

/** How many bytes belong to a character that began before: at most three (RFC 3629). */
function continuationBytes(bytes: Uint8Array): number {
  const count = bytes.subarray(0, 3).findIndex((byte) => (byte & 0xc0) !== 0x80);
  return count === -1 ? Math.min(3, bytes.length) : count;
}
