import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** The files of the dashboard, as `npm run build` has made them. */
export interface Dashboard {
  /** Undefined where this address is none of the dashboard's. */
  answer(request: Request): Promise<Response | undefined>;
}

interface WebFile {
  bytes: Uint8Array<ArrayBuffer>;
  gzipped: Uint8Array<ArrayBuffer>;
  etag: string;
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Addresses that the dashboard draws itself. */
const page = /^\/(?:schedules|(?:runs|tasks)(?:\/[A-Za-z0-9_-]{1,80})?)?$/;
/** Addresses that are never the dashboard's, so that nobody gets a page where a program would look for an answer or a file. */
const notOurs = /^\/(?:api|assets|mcp|metrics|healthz)(?:\/|$)/;
/** One segment with a hash in its name: nothing else is ever looked for on the disk. */
const asset = /^\/assets\/[A-Za-z0-9_-]+\.[a-z]+$/;

/** Nothing runs, loads or is asked for but what this server has. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const compress = promisify(gzip);

/** Serves what is in `directory`, and says so where nothing is. Files are read once, when they are first asked for. */
export function dashboard(directory: string): Dashboard {
  const files = new Map<string, Promise<WebFile | undefined>>();

  function file(name: string): Promise<WebFile | undefined> {
    const reading = files.get(name) ?? read(join(directory, name));
    files.set(name, reading);
    return reading.then((found) => {
      // A build may come later.
      if (found === undefined) files.delete(name);
      return found;
    });
  }

  return {
    answer: async (request) => {
      const { pathname } = new URL(request.url);
      // The dashboard tells a person who has mistyped an address where to go on; a program is told as everywhere.
      const isMistyped = !page.test(pathname) && !notOurs.test(pathname) && isBrowser(request);
      const isPage = page.test(pathname) || isMistyped;
      if (!isPage && !asset.test(pathname)) return undefined;
      const name = isPage ? 'index.html' : pathname.slice(1);
      const found = await file(name);
      if (found === undefined) return isPage ? notBuilt() : undefined;
      const headers = new Headers({
        'Content-Type': types[extname(name)] ?? 'application/octet-stream',
        // The names of assets change with their content; the page that names them has to be asked for.
        'Cache-Control': isPage ? 'no-cache' : 'public, max-age=31536000, immutable',
        'Content-Security-Policy': contentSecurityPolicy,
        'Cross-Origin-Opener-Policy': 'same-origin',
        ETag: found.etag,
        Vary: 'Accept-Encoding',
      });
      if (!isMistyped && request.headers.get('if-none-match') === found.etag)
        return new Response(null, { status: 304, headers });
      const zipped = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
      if (zipped) headers.set('Content-Encoding', 'gzip');
      const body = zipped ? found.gzipped : found.bytes;
      headers.set('Content-Length', String(body.length));
      return new Response(request.method === 'HEAD' ? null : body, { headers, status: isMistyped ? 404 : 200 });
    },
  };
}

function isBrowser(request: Request): boolean {
  return /\btext\/html\b/.test(request.headers.get('accept') ?? '');
}

async function read(path: string): Promise<WebFile | undefined> {
  try {
    const bytes = new Uint8Array(await readFile(path));
    return {
      bytes,
      gzipped: new Uint8Array(await compress(bytes, { level: 9 })),
      etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`,
    };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function notBuilt(): Response {
  return new Response(
    'The dashboard is not here: "npm run build" makes it. The API is: GET /api/openapi.json lists all that there is.\n',
    { status: 404, headers: { 'Content-Type': 'text/plain; charset=utf-8' } },
  );
}
