import type { z } from 'zod';
import { ErrandError, type Problem } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import type { Clock } from '../core/clock.ts';
import { problemsOf, summary } from '../core/problems.ts';
import { parseJson } from './json.ts';

export interface BodyOptions {
  clock: Clock;
  /** How long it may take to arrive. */
  bodyMs?: number | undefined;
}

const defaultBodyMs = 30_000;

/**
 * The JSON of a request, bounded in bytes, depth, keys and time, with objects that have no prototype. Undefined where the body is empty. Throws
 * `unsupportedMediaType`, `bodyTooLarge`, `requestTimeout`, `invalidJson`, `bodyTooDeep`, `tooManyKeys`.
 */
export async function readJson(
  request: Request,
  options: BodyOptions,
): Promise<{ value: unknown; problems: Problem[] } | undefined> {
  refuseEncoding(request);
  refuseOtherThanJson(request.headers.get('content-type'));
  const bytes = await readBytes(request, limits.bodyBytes, options);
  return bytes.length === 0 ? undefined : parseJson(bytes);
}

/** The value as the schema says. Throws `invalidRequest` with all the problems. */
export function checked<S extends z.ZodType>(
  schema: S,
  body: { value: unknown; problems: Problem[] },
  more: readonly Problem[] = [],
): z.output<S> {
  const parsed = schema.safeParse(body.value, { reportInput: true });
  const problems = [...body.problems, ...more, ...(parsed.success ? [] : problemsOf(parsed.error))];
  if (parsed.success && problems.length === 0) return parsed.data;
  throw invalidRequest(problems);
}

export function invalidRequest(problems: readonly Problem[]): ErrandError {
  return new ErrandError('invalidRequest', summary(problems), { problems });
}

export function emptyBody(): ErrandError {
  return new ErrandError('invalidJson', 'the body is empty: send JSON');
}

export function refuseEncoding(request: Request): void {
  const encoding = request.headers.get('content-encoding');
  if (encoding === null || encoding.trim().toLowerCase() === 'identity') return;
  throw new ErrandError('unsupportedMediaType', 'compressed bodies are not taken: send it without Content-Encoding');
}

/** All of the body. Counts what comes, whatever the request says of its length. */
export async function readBytes(
  request: Request,
  limit: number,
  { clock, bodyMs = defaultBodyMs }: BodyOptions,
): Promise<Buffer> {
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge(limit);
  if (request.body === null) return Buffer.alloc(0);
  const reader = request.body.getReader();
  let late = false;
  const stopTimer = clock.after(bodyMs, () => {
    late = true;
    // Whoever reads is told that it is late.
    reader.cancel().catch(() => undefined);
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw brokenOff(cause);
      });
      if (late)
        throw new ErrandError(
          'requestTimeout',
          `the body did not arrive within ${bodyMs / 1000} s: send it again, without pauses`,
        );
      if (done) return Buffer.concat(chunks, size);
      size += value.length;
      if (size > limit) throw tooLarge(limit);
      chunks.push(value);
    }
  } finally {
    stopTimer();
  }
}

/** Whoever sent it has gone away, or its connection has. */
function brokenOff(cause: unknown): ErrandError {
  return new ErrandError('malformedRequest', 'the body broke off before its end: send it again', { cause });
}

function tooLarge(limit: number): ErrandError {
  return new ErrandError('bodyTooLarge', `the body has more than ${limit} bytes: pass a reference to larger input`);
}

function refuseOtherThanJson(contentType: string | null): void {
  if (contentType === null) return;
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  const isJson = type === 'application/json' || /^[a-z]+\/[a-z0-9.+-]+\+json$/.test(type);
  if (isJson && (charset === undefined || charset === 'utf-8' || charset === 'utf8')) return;
  throw new ErrandError(
    'unsupportedMediaType',
    'the body must be JSON in UTF-8: send "Content-Type: application/json"',
  );
}
