import { ErrandApiError, ErrandConnectionError } from '../../src/client/errors.ts';
import type { Problem } from '../../src/contract/errors.ts';

/** An error as people are told of it: what, and what to do. */
export interface Failure {
  title: string;
  text: string;
  problems: readonly Problem[];
  /** Finds the answer in the log of the server. */
  requestId?: string | undefined;
  /** It is gone for good, or was never there. */
  isMissing: boolean;
}

/** Why something that somebody wanted was not done. Unlike a reading, nobody but they tries it again; whatever it was, twice is not too often. */
export function whyNot(error: unknown): string {
  return error instanceof ErrandConnectionError
    ? 'The server does not answer: it may be restarting, or the network is down. Try again.'
    : failureOf(error).text;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof ErrandApiError) {
    const { details, status } = error;
    return {
      title: details?.title ?? `The server answered with status ${status}`,
      text: error.message,
      problems: details?.problems ?? [],
      requestId: details?.requestId,
      isMissing: status === 404,
    };
  }
  if (error instanceof ErrandConnectionError)
    return {
      title: 'The server does not answer',
      text: 'It may be restarting, or the network is down. This page tries again by itself.',
      problems: [],
      isMissing: false,
    };
  return {
    title: 'Something went wrong on this page',
    text: error instanceof Error ? error.message : String(error),
    problems: [],
    isMissing: false,
  };
}
