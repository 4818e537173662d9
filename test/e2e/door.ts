import { createClient } from '../../src/client/client.ts';

/** A way into Errand: the standalone server, or another host of the same app. Tasks there are shell scripts that run for real. */
export interface Door {
  url: string;
  /**
   * Things go wrong behind it: requests that were carried out are repeated, streams break off, and attempts come to nothing before one begins. What a caller
   * may rely on stays the same.
   */
  isRough?: boolean;
  close(): Promise<void>;
}

export type OpenDoor = () => Promise<Door>;

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: unknown;
}

export interface Call {
  method?: string;
  headers?: Record<string, string>;
  /** Objects are sent as JSON, text and bytes as they are. */
  body?: unknown;
}

/** One request, without a client between. */
export async function call(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: Call = {},
): Promise<Answer> {
  const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(raw ? {} : { 'Content-Type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: raw ? (body as string | FormData) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** Stores a task whose executable is this shell script. */
export async function pushScript(url: string, taskName: string, script: string, more: object = {}): Promise<void> {
  const document = { taskName, dockerImage: 'busybox', scriptName: `${taskName}.sh`, ...more };
  await createClient({ url }).push(taskName, document, { executable: new Blob([`#!/bin/sh\n${script}\n`]) });
}

/** The problems of an answer as `path code`, in order. */
export function problemsIn(answer: Answer): string[] {
  const { problems = [] } = answer.json as { problems?: { path: string; code: string }[] };
  return problems.map(({ path, code }) => `${path} ${code}`).toSorted();
}
