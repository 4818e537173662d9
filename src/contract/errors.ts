import { z } from 'zod';

/** Who has to act: the caller of the API, the author of a task, the operator of this Errand, the platform it runs on, or Errand itself. */
export type Fault = 'caller' | 'author' | 'operator' | 'platform' | 'errand';

interface ErrorRow {
  /** HTTP status of the answer. */
  status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 412 | 413 | 415 | 416 | 422 | 429 | 431 | 500 | 503 | 507;
  /** The same request may succeed later without a change. */
  retryable: boolean;
  fault: Fault;
  /** What happened, as a title that is the same for every occurrence (RFC 9457, `title`). */
  title: string;
}

/** Every error that Errand answers with, in one table. `docs/errors.md` is held against it by a test. */
export const errorTable = {
  malformedRequest: row(400, false, 'caller', 'The request is not proper HTTP'),
  invalidJson: row(400, false, 'caller', 'The body is not JSON'),
  bodyTooDeep: row(400, false, 'caller', 'The body is nested too deeply'),
  tooManyKeys: row(400, false, 'caller', 'The body has too many keys'),
  unauthorized: row(401, false, 'caller', 'An API key is needed'),
  forbidden: row(403, false, 'caller', 'The API key lacks the scope'),
  hostNotAllowed: row(403, false, 'caller', 'The Host header is not of this machine'),
  originNotAllowed: row(403, false, 'caller', 'The request comes from a foreign web page'),
  taskNotFound: row(404, false, 'caller', 'There is no such task'),
  versionNotFound: row(404, false, 'caller', 'The task has no such version'),
  runNotFound: row(404, false, 'caller', 'There is no such run'),
  scheduleNotFound: row(404, false, 'caller', 'There is no such schedule'),
  webhookNotFound: row(404, false, 'caller', 'The run has no such webhook'),
  attemptNotFound: row(404, false, 'caller', 'The run has no such attempt'),
  outputNotFound: row(404, false, 'caller', 'The run left no such file'),
  routeNotFound: row(404, false, 'caller', 'There is nothing at this address'),
  methodNotAllowed: row(405, false, 'caller', 'This address does not take this method'),
  requestTimeout: row(408, true, 'caller', 'The request took too long to arrive'),
  taskDisabled: row(409, false, 'author', 'The task is switched off'),
  concurrencyLimitReached: row(409, true, 'caller', 'The task already runs as often as it may'),
  webhookNotDead: row(409, false, 'caller', 'Only a webhook that was given up can be redelivered'),
  runNotLost: row(409, false, 'caller', 'Only a lost run can be resolved'),
  preconditionFailed: row(412, false, 'caller', 'It has changed since it was read'),
  bodyTooLarge: row(413, false, 'caller', 'The body is too large'),
  unsupportedMediaType: row(415, false, 'caller', 'The body has a content type or encoding that is not taken'),
  rangeNotSatisfiable: row(416, false, 'caller', 'The file has no such bytes'),
  invalidRequest: row(422, false, 'caller', 'The request is not valid'),
  idempotencyKeyReused: row(422, false, 'caller', 'The idempotency key belongs to another request'),
  invalidDefinition: row(422, false, 'author', 'The task definition is not valid'),
  executableMissing: row(422, false, 'author', 'The executable of the task is not there'),
  headersTooLarge: row(431, false, 'caller', 'Address and headers are too large'),

  internal: row(500, false, 'errand', 'Errand made a mistake'),
  storageCorrupt: row(500, false, 'operator', 'The storage is damaged'),
  invalidConfiguration: row(500, false, 'operator', 'The configuration is not valid'),
  storageBusy: row(503, true, 'operator', 'The storage is locked by another process'),
  storageUnavailable: row(503, true, 'operator', 'The storage cannot be reached'),
  artifactsUnavailable: row(503, true, 'operator', 'The artifact store cannot be reached'),
  platformUnavailable: row(503, true, 'platform', 'The platform of the runners cannot be reached'),
  secretUnavailable: row(503, true, 'operator', 'A secret cannot be read'),
  shuttingDown: row(503, true, 'operator', 'The server is stopping'),
  storageFull: row(507, true, 'operator', 'The disk of the storage is full'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** Codes of a single problem inside an `invalidRequest` or `invalidDefinition`. */
export const problemCodes = [
  'required',
  'unknownField',
  'unknownParameter',
  'duplicate',
  'wrongType',
  'invalidName',
  'reservedName',
  'invalidCharacter',
  'invalidPattern',
  'invalidImage',
  'notAllowed',
  'patternMismatch',
  'tooShort',
  'tooLong',
  'tooSmall',
  'tooLarge',
  'inconsistent',
] as const;

export const problemSchema = z.object({
  path: z.string().meta({ description: 'Where, as a JSON Pointer (RFC 6901)', example: '/parameters/0/value' }),
  code: z.enum(problemCodes),
  message: z.string().meta({ description: 'What is wrong, and how to mend it' }),
  allowed: z.unknown().optional().meta({ description: 'What would be allowed here' }),
});

export type Problem = z.infer<typeof problemSchema>;

/** RFC 9457 problem details, as every failed request is answered. */
export const problemDetailsSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string(),
    retryable: z.boolean(),
    fault: z.enum(['caller', 'author', 'operator', 'platform', 'errand']),
    problems: z.array(problemSchema).optional(),
    runId: z.string().optional().meta({ description: 'The run that the error speaks of' }),
    requestId: z.string().optional().meta({ description: 'Names this answer in the server log' }),
  })
  .meta({ id: 'ProblemDetails' });

export type ProblemDetails = z.infer<typeof problemDetailsSchema>;

export interface ErrandErrorOptions {
  cause?: unknown;
  problems?: readonly Problem[];
  runId?: string;
  /** Seconds after which a retry makes sense. */
  retryAfterSeconds?: number;
}

/** The one error of Errand: a code of {@link errorTable} and a message that says what, why, and how to mend it. */
export class ErrandError extends Error {
  readonly code: ErrorCode;
  readonly problems: readonly Problem[] | undefined;
  readonly runId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrandErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ErrandError';
    this.code = code;
    this.problems = options.problems;
    this.runId = options.runId;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

function row(status: ErrorRow['status'], retryable: boolean, fault: Fault, title: string): ErrorRow {
  return { status, retryable, fault, title };
}
