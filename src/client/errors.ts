import type { ProblemDetails } from '../contract/errors.ts';

/** The server said no. `details` is what it said; undefined where something else answered, a proxy for instance. */
export class ErrandApiError extends Error {
  readonly status: number;
  readonly details: ProblemDetails | undefined;
  /** Seconds after which the server asks to be tried again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, details: ProblemDetails | undefined, retryAfterSeconds: number | undefined) {
    super(
      details?.detail ??
        `the server answered with status ${status} and without problem details: is this URL an Errand server?`,
    );
    this.name = 'ErrandApiError';
    this.status = status;
    this.details = details;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** There was no answer. */
export class ErrandConnectionError extends Error {
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(`no Errand server answers at ${url}: start one with "errand dev", or set the URL of yours (ERRAND_URL)`, {
      cause,
    });
    this.name = 'ErrandConnectionError';
    this.url = url;
  }
}
