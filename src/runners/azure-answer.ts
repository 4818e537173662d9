/** Azure Resource Manager answered, and not with success. Holds nothing of the request, which may contain secrets. The message is the service's own. */
export class AzureAnswer extends Error {
  readonly status: number;
  /** As in the body, `ContainerGroupTransitioning`; empty where it has none. */
  readonly code: string;
  /** How long the service asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'AzureAnswer';
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * An error of the SDK as an answer; undefined where none came, or where it was not Resource Manager that refused but whoever gives out tokens: such
 * errors have a status as well. `now` is milliseconds since the epoch, for a `Retry-After` that is a date.
 */
export function toAnswer(error: unknown, now: number): AzureAnswer | undefined {
  if (!isObject(error) || error['name'] !== 'RestError') return undefined;
  if (typeof error['statusCode'] !== 'number' || error['statusCode'] < 300) return undefined;
  const body = bodyError(error);
  const code = text(body['code']) ?? text(error['code']) ?? '';
  const message = text(body['message']) ?? text(error['message']) ?? '';
  return new AzureAnswer(error['statusCode'], code, message, readRetryAfter(error, now));
}

/** `{ error: { code, message } }`, or the same without the wrapping, as some gateways answer. */
function bodyError(error: Record<string, unknown>): Record<string, unknown> {
  const response = isObject(error['response']) ? error['response'] : {};
  const parsed = isObject(response['parsedBody']) ? response['parsedBody'] : parse(response['bodyAsText']);
  return isObject(parsed['error']) ? parsed['error'] : parsed;
}

function parse(body: unknown): Record<string, unknown> {
  if (typeof body !== 'string') return {};
  try {
    const parsed: unknown = JSON.parse(body);
    return isObject(parsed) ? parsed : {};
  } catch {
    // A gateway in between may answer with a page: the status says enough.
    return {};
  }
}

function readRetryAfter(error: Record<string, unknown>, now: number): number | undefined {
  const response = isObject(error['response']) ? error['response'] : {};
  const headers = response['headers'];
  if (!isObject(headers) || typeof headers['get'] !== 'function') return undefined;
  const value: unknown = (headers as { get(name: string): unknown }).get('retry-after');
  if (typeof value !== 'string' || value === '') return undefined;
  const seconds = Number(value);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - now;
  return Number.isFinite(wait) ? Math.max(wait, 0) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
