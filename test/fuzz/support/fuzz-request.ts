/** A request that is well-formed HTTP: it must be answered. */
export interface FormedRequest {
  kind: 'formed';
  method: string;
  target: string;
  headers: readonly (readonly [name: string, value: string])[];
  body?: string | Uint8Array;
  /** Sends the body without saying its length first. */
  chunked?: boolean;
}

/** Bytes that may be no HTTP at all. Whether they are answered is the server's choice. */
export interface RawRequest {
  kind: 'bytes';
  bytes: Uint8Array;
}

export type FuzzRequest = FormedRequest | RawRequest;

export type Headers = FormedRequest['headers'];

/** The request as it goes over the wire, in the pieces that are written one by one. `fill` puts in what its headers only name. */
export function toBytes(
  { method, target, headers, body, chunked }: FormedRequest,
  fill: (text: string) => string,
): (string | Uint8Array)[] {
  const has = (name: string) => headers.some(([each]) => each.toLowerCase() === name);
  const content = typeof body === 'string' ? Buffer.from(body.toWellFormed()) : body;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(has('host') ? [] : ['Host: localhost']),
    ...headers.map(([name, value]) => `${name}: ${fill(value)}`),
    ...(content === undefined
      ? []
      : [chunked === true ? 'Transfer-Encoding: chunked' : `Content-Length: ${content.length}`]),
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (content === undefined) return [head];
  if (chunked !== true) return [Buffer.concat([head, content])];
  const half = Math.ceil(content.length / 2);
  const chunks = [content.subarray(0, half), content.subarray(half)].filter(({ length }) => length > 0);
  return [head, ...chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, '\r\n']), '0\r\n\r\n'];
}

/** One request in one line, as far as somebody will read. */
export function describeRequest(request: FuzzRequest): string {
  if (request.kind === 'bytes') return `the bytes ${JSON.stringify(Buffer.from(request.bytes).toString('latin1'))}`;
  const { method, target, headers, body, chunked } = request;
  const content = body === undefined ? '' : typeof body === 'string' ? body : Buffer.from(body).toString('latin1');
  const shown = [method, target, JSON.stringify(headers), JSON.stringify(content)].join(' ');
  return `${shown.slice(0, 2_000)}${chunked === true ? ' chunked' : ''}`;
}

/** For an address. Half a surrogate pair has no escape of its own: it is sent as what stands for it. */
export function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
