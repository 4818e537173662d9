import type { ProblemDetails } from '../contract/errors.ts';
import { ErrandApiError, ErrandConnectionError } from './errors.ts';
import { sleep } from './timer.ts';

export interface ClientOptions {
  /** Where the server is, such as `http://127.0.0.1:7070`. */
  url: string;
  /** A key of Errand, an access token of Entra ID, or a key of the function app. */
  apiKey?: string | undefined;
  /** Instead of the global one. */
  fetch?: typeof fetch;
  /** How often a request that may be repeated is tried again where nothing answers, or with a 503. */
  retries?: number;
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  query?: readonly [name: string, value: string][];
  headers?: Readonly<Record<string, string>>;
  body?: string | FormData;
  /** The request may be sent twice: it changes nothing, or the server knows it again. */
  repeatable?: boolean;
  signal?: AbortSignal | undefined;
}

/** Sends requests. Throws {@link ErrandApiError}, {@link ErrandConnectionError}, or the reason of the signal. */
export interface Transport {
  send(path: string, options?: RequestOptions): Promise<Response>;
  json<T>(path: string, options?: RequestOptions): Promise<T>;
}

/** A key of Errand, or a token (https://www.rfc-editor.org/rfc/rfc7519). Any other may be one of the Functions host, which wants it elsewhere. */
const isOurs = /^(?:errand_|[\w-]+\.[\w-]+\.)/;

const firstBackoffMs = 200;
const longestBackoffMs = 5_000;

/** Doubles from a fifth of a second to five seconds. */
export function backoffMs(failures: number): number {
  return Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1));
}

/** What the server asks to wait, within reason. */
function askedMs(error: unknown): number {
  const seconds = error instanceof ErrandApiError ? (error.retryAfterSeconds ?? 0) : 0;
  return Math.min(longestBackoffMs, seconds * 1000);
}

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  return (
    error instanceof ErrandConnectionError ||
    (error instanceof ErrandApiError && (error.status === 503 || error.status === 502 || error.status === 504))
  );
}

export function transport({ url, apiKey, fetch: send = fetch, retries = 3 }: ClientOptions): Transport {
  const base = url.replace(/\/+$/, '');

  async function once(
    path: string,
    { method = 'GET', query = [], headers = {}, body, signal }: RequestOptions,
  ): Promise<Response> {
    const text = new URLSearchParams([...query]).toString();
    const init: RequestInit = {
      method,
      headers: {
        ...headers,
        ...(apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` }),
        ...(apiKey === undefined || isOurs.test(apiKey) ? {} : { 'x-functions-key': apiKey }),
        ...(typeof body === 'string' ? { 'Content-Type': 'application/json' } : {}),
      },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    };
    let response: Response;
    try {
      response = await send(`${base}${path}${text === '' ? '' : `?${text}`}`, init);
    } catch (cause) {
      signal?.throwIfAborted();
      throw new ErrandConnectionError(base, cause);
    }
    if (response.ok) return response;
    throw await apiError(response);
  }

  async function patiently(path: string, options: RequestOptions = {}): Promise<Response> {
    const repeatable = options.repeatable ?? (options.method === undefined || options.method === 'GET');
    for (let failures = 1; ; failures += 1) {
      try {
        return await once(path, options);
      } catch (error) {
        if (!repeatable || failures > retries || !isTransient(error)) throw error;
        await sleep(Math.max(backoffMs(failures), askedMs(error)), options.signal);
      }
    }
  }

  return {
    send: patiently,
    json: async <T>(path: string, options?: RequestOptions) => (await (await patiently(path, options)).json()) as T,
  };
}

async function apiError(response: Response): Promise<ErrandApiError> {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') === true;
  const text = await response.text().catch(() => '');
  return new ErrandApiError(
    response.status,
    isProblem ? problemDetails(text) : undefined,
    Number.isNaN(retryAfter) ? undefined : retryAfter,
  );
}

function problemDetails(text: string): ProblemDetails | undefined {
  try {
    return JSON.parse(text) as ProblemDetails;
  } catch {
    return undefined;
  }
}
