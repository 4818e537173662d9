import { ReadableStream } from 'node:stream/web';
import type { HttpRequest, HttpResponseInit, TraceContext } from '@azure/functions';

/** The host's own key: it has checked it, and the app knows nothing of it. */
const hostKey = { query: 'code', header: 'x-functions-key' } as const;

/** A request of the programming model as every other host gives it; below the host's own span where `parent` is given. */
export function toRequest(request: HttpRequest, parent?: TraceContext): Request {
  const url = new URL(request.url);
  // Deleting a parameter that is not there would write the others anew.
  if (url.searchParams.has(hostKey.query)) url.searchParams.delete(hostKey.query);
  const headers = new Headers(request.headers);
  headers.delete(hostKey.header);
  if (parent?.traceParent !== undefined && parent.traceParent !== '') {
    headers.set('traceparent', parent.traceParent);
    headers.delete('tracestate');
    if (parent.traceState !== undefined && parent.traceState !== '') headers.set('tracestate', parent.traceState);
  }
  const { method, body } = request;
  return new Request(url, { method, headers, ...(body === null ? {} : { body, duplex: 'half' }) });
}

/** The answer, streamed as the app gives it. */
export function toResponseInit({ status, headers, body }: Response): HttpResponseInit {
  return {
    status,
    headers: Object.fromEntries(headers),
    ...(body instanceof ReadableStream ? { body } : {}),
  };
}
