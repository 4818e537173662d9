import type { Context } from 'hono';
import { errorTable, ErrandError, type ProblemDetails } from '../contract/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { AppEnv } from './app-options.ts';

/** What clients are told to wait, where the error does not say, in seconds. */
const defaultRetryAfter = 5;

/** Nobody reads this status, but the metrics count it. Named "client closed request" by nginx; no RFC has it. */
const givenUp = 499;

/** Answers any error as problem details (RFC 9457). What is not an `ErrandError` is our mistake, and only the log says more about it. */
export function problemResponse(c: Context<AppEnv>, error: unknown, logger: Logger): Response {
  const requestId = c.get('requestId');
  if (isGivenUp(c.req.raw.signal, error)) {
    logger.debug({ requestId, method: c.req.method, path: c.req.path }, 'a request was given up by who asked');
    return new Response(null, { status: givenUp });
  }
  const known = error instanceof ErrandError ? error : internal(error);
  const row = errorTable[known.code];
  if (row.fault === 'errand')
    logger.error({ requestId, method: c.req.method, path: c.req.path, err: error }, 'a request failed');
  else if (row.status >= 500)
    logger.warn({ requestId, method: c.req.method, path: c.req.path, err: error }, 'a request could not be served');

  const details = problemDetails(known, requestId);
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
  if (known.code === 'unauthorized') headers['WWW-Authenticate'] = 'Bearer realm="errand"';
  const retryAfter = known.retryAfterSeconds ?? (row.status === 503 ? defaultRetryAfter : undefined);
  if (retryAfter !== undefined) headers['Retry-After'] = String(Math.max(1, Math.ceil(retryAfter)));
  return c.body(JSON.stringify(details), row.status, headers);
}

/** Whether work was broken off because the asker has hung up: nobody made a mistake, and nobody reads an answer. */
function isGivenUp({ aborted, reason }: AbortSignal, error: unknown): boolean {
  return aborted && (error === reason || (error instanceof Error && error.name === 'AbortError'));
}

/** An error as it is told. `requestId` finds it in the log. */
export function problemDetails(error: ErrandError, requestId: string): ProblemDetails {
  const row = errorTable[error.code];
  return {
    type: `/docs/errors#${error.code}`,
    title: row.title,
    status: row.status,
    code: error.code,
    detail: row.status < 500 ? error.message : withoutInternals(error.message),
    retryable: row.retryable,
    fault: row.fault,
    ...(error.problems === undefined ? {} : { problems: [...error.problems] }),
    ...(error.runId === undefined ? {} : { runId: error.runId }),
    requestId,
  };
}

function internal(cause: unknown): ErrandError {
  return new ErrandError(
    'internal',
    'something unforeseen happened: the server log says more under the requestId of this answer',
    { cause },
  );
}

/** Paths of the server, codes of its database and signatures of URLs are for the log. */
function withoutInternals(message: string): string {
  return message
    .replaceAll(/(?<![\w:/.])\/(?:[^\s/"':;,()]+\/)*[^\s/"':;,()]+/g, '(a path; see the server log)')
    .replaceAll(/SQLITE_[A-Z_]+/g, '(a code; see the server log)')
    .replaceAll(/\?[^\s"']*sig=[^\s"']*/g, '?…');
}
