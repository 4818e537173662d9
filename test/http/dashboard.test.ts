import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { dashboardPage } from '../../src/entry/functions/dashboard-pages.ts';
import { dashboard } from '../../src/http/dashboard.ts';
import { appOf } from './support/app-of.ts';

let directory: string;
const script = 'console.log(1)';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-served-'));
  await mkdir(join(directory, 'assets'));
  await writeFile(join(directory, 'index.html'), '<!doctype html><title>Errand</title>');
  await writeFile(join(directory, 'assets/index-A_b-9.js'), script);
  await writeFile(join(directory, 'secret.txt'), 'not for you');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const ask = (path: string, init: RequestInit = {}) =>
  appOf({}, { dashboard: dashboard(directory) }).request(`http://127.0.0.1${path}`, init);

describe('the dashboard is served', () => {
  test.each([
    '/',
    '/tasks',
    '/tasks/StopVM',
    '/schedules',
    '/runs',
    '/runs/01m4rk0000000000000000000a',
    '/runs?state=failed',
  ])('as one page at %s, which is asked for each time', async (path) => {
    const answer = await ask(path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    const etag = answer.headers.get('etag') ?? '';
    expect(await answer.text()).toContain('<title>Errand</title>');
    const again = await ask(path, { headers: { 'If-None-Match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  test('with a security policy that lets nothing in but its own files', async () => {
    const policy = (await ask('/')).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|data:|blob:|https?:|\*/);
    for (const [header, value] of [
      ['x-frame-options', 'DENY'],
      ['x-content-type-options', 'nosniff'],
      ['referrer-policy', 'no-referrer'],
      ['cross-origin-opener-policy', 'same-origin'],
    ] as const)
      expect((await ask('/')).headers.get(header)).toBe(value);
    // Answers of the API are data, and no page.
    expect((await ask('/healthz')).headers.get('content-security-policy')).toBe(
      "default-src 'none'; frame-ancestors 'none'",
    );
  });

  test('files for ever, packed where that is understood', async () => {
    const plain = await ask('/assets/index-A_b-9.js');
    expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect([plain.headers.get('content-type'), await plain.text()]).toEqual(['text/javascript; charset=utf-8', script]);
    const packed = await ask('/assets/index-A_b-9.js', { headers: { 'Accept-Encoding': 'br, gzip' } });
    expect([packed.headers.get('content-encoding'), packed.headers.get('vary')]).toEqual(['gzip', 'Accept-Encoding']);
    expect(gunzipSync(await packed.arrayBuffer()).toString()).toBe(script);
    const head = await ask('/assets/index-A_b-9.js', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String(script.length),
      '',
    ]);
  });

  test.each([
    '/secret.txt',
    '/assets/../secret.txt',
    '/assets/%2e%2e/secret.txt',
    '/assets/..%2fsecret.txt',
    '/assets/',
    '/assets/no-such.js',
    '/index.html',
    '/runs/a/b',
    '/schedules/a',
    '/tasks/a%2fb',
    '/api',
    '/api/nothing',
  ])('and nothing else: not %s', async (path) => {
    const answer = await ask(path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
  });

  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  test.each(['/index.html', '/runs/a/b', '/run', '/tasks/%'])(
    'and to a browser that asks for %s the page that says where to go on',
    async (path) => {
      const answer = await ask(path, { headers: { Accept: accept } });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
      expect(await answer.text()).toContain('<title>Errand</title>');
      const etag = answer.headers.get('etag') ?? '';
      expect((await ask(path, { headers: { Accept: accept, 'If-None-Match': etag } })).status).toBe(404);
    },
  );
  test.each(['/api', '/api/nothing', '/assets/no-such.js', '/mcp/nothing', '/metrics/nothing'])(
    'but not at %s, where a program would look',
    async (path) => {
      const answer = await ask(path, { headers: { Accept: accept } });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    },
  );

  test('to read alone', async () => {
    expect((await ask('/runs', { method: 'POST' })).status).toBe(404);
  });

  test('and where it was not built, that is said', async () => {
    const nowhere = dashboard(join(directory, 'nowhere'));
    const answer = await appOf({}, { dashboard: nowhere }).request('http://127.0.0.1/');
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('npm run build')]);
  });
});

test.each(['/api/runs', '/healthz', '/runs/%2e%2e/api/runs', '/tasks/..%2fapi/tasks', '/runs/a/b'])(
  'on Functions the door of the dashboard, which is open, does not lead to %s',
  async (path) => {
    const answer = await dashboardPage(new Request(`http://127.0.0.1${path}`));
    expect([answer.status, await answer.text()]).toEqual([404, 'There is no page here.\n']);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  },
);
