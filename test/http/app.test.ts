import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { errorTable, ErrandError } from '../../src/contract/errors.ts';
import { routes, scopes, type Route, type Scope } from '../../src/contract/routes.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { EndedRun } from '../../src/core/run-record.ts';
import { apiKeys, newApiKey } from '../../src/http/api-keys.ts';
import { ended } from '../core/support/records.ts';
import { appOf } from './support/app-of.ts';
import { pushScript, serverHarness, type ServerHarness } from './support/server-harness.ts';

const origin = 'http://localhost:7070';
const address = ({ path }: Route): string =>
  `${origin}${path.replace('{id}', '0'.repeat(26)).replace('{name}', 'Greet').replace('{file}', 'a')}`;

describe('the routes of the app', () => {
  test('are those of the table, no more and no fewer', () => {
    const served = appOf()
      .routes.filter(({ path }) => path !== '/*')
      .map(({ method, path }) => `${method} ${path}`);
    const table = Object.values(routes).map(
      ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    );
    expect([...new Set(served)].toSorted()).toEqual(table.toSorted());
  });

  test('only four are open, and none of them under a run or a task', () => {
    const open = Object.values(routes)
      .filter((route: Route) => route.scope === undefined)
      .map(({ path }) => path);
    expect(open.toSorted()).toEqual(['/api/openapi.json', '/healthz', '/metrics', '/readyz']);
  });

  test('anything else is a 404, and another method a 405 that says which there are', async () => {
    const app = appOf();
    for (const path of ['/', '/api', '/api/runs/', '/api/runs/x/logs/y', '/api/tasks//schema', '/API/RUNS']) {
      const answer = await app.request(`${origin}${path}`);
      expect([path, answer.status, await answer.json()]).toEqual([
        path,
        404,
        expect.objectContaining({ code: 'routeNotFound' }),
      ]);
    }
    const allowed = async (path: string, method: string) => {
      const answer = await app.request(`${origin}${path}`, { method });
      return [answer.status, answer.headers.get('allow')];
    };
    expect(await allowed('/api/runs', 'DELETE')).toEqual([405, 'POST, GET, HEAD']);
    expect(await allowed('/api/tasks/A', 'POST')).toEqual([405, 'GET, HEAD, PUT, DELETE']);
    expect(await allowed('/api/runs/1/cancel', 'GET')).toEqual([405, 'POST']);
  });
});

describe('with keys', () => {
  const made = Object.fromEntries(
    scopes.map((scope) => [scope, newApiKey({ name: scope.replace(':', '.'), scopes: [scope] })]),
  ) as Record<Scope, ReturnType<typeof newApiKey>>;
  const keys = apiKeys(Object.values(made).map(({ entry }) => entry));
  // Whatever gets past the scope meets parts that fail, with a 5xx: so a cell of the matrix tells "let in" from "kept out".
  const app = appOf(
    { orchestrator: { get: () => Promise.reject(new ErrandError('platformUnavailable', 'let in')) } },
    { keys },
  );

  async function ask(route: Route, key?: string): Promise<number> {
    const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
    return (await app.request(address(route), { method: route.method.toUpperCase(), headers })).status;
  }

  const cells = Object.entries(routes).flatMap(([name, route]) =>
    scopes.map((scope): [string, Scope, Route] => [name, scope, route]),
  );

  test.each(cells)('%s with a key for %s', async (_, scope, route) => {
    const status = await ask(route, made[scope].key);
    if (route.scope === undefined || route.scope === 'any' || route.scope === scope)
      expect([401, 403, 404, 405]).not.toContain(status);
    else expect(status).toBe(403);
  });

  test.each(Object.entries(routes))('%s without a key', async (_, route: Route) => {
    const status = await ask(route);
    if (route.scope === undefined) expect(status).not.toBe(401);
    else expect(status).toBe(401);
  });

  test.each(['', 'e', 'errand_', 'x'.repeat(100_000), `${made['runs:read'].key}0`, made['runs:read'].key.slice(1)])(
    'a wrong key is a 401, whatever its length',
    async (key) => {
      for (const headers of [{ Authorization: `Bearer ${key}` }, { 'X-Api-Key': key }, { Authorization: key }]) {
        const answer = await app.request(`${origin}/api/runs`, { headers });
        expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="errand"']);
      }
    },
  );

  test('a key may also come as X-Api-Key', async () => {
    const answer = await app.request(`${origin}/api/runs/${'0'.repeat(26)}`, {
      headers: { 'X-Api-Key': made['runs:read'].key },
    });
    expect(answer.status).toBe(503);
  });

  test('other hosts are served', async () => {
    expect(
      (await app.request('http://errand.example.org/healthz', { headers: { Origin: 'https://example.org' } })).status,
    ).toBe(200);
  });
});

describe('a key that is for some tasks', () => {
  let harness: ServerHarness;
  const all = [...scopes];
  const [admin, one, two] = [
    newApiKey({ name: 'admin', scopes: all }),
    newApiKey({ name: 'one', scopes: all, tasks: ['Mine'] }),
    newApiKey({ name: 'two', scopes: all, tasks: ['Mine', 'Ours'] }),
  ];
  const runs = new Map<string, string>();

  const ask = (key: string, path: string, init: RequestInit = {}) =>
    fetch(`${harness.url}${path}`, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), Authorization: `Bearer ${key}` },
    });
  const start = (key: string, taskName: string) =>
    ask(key, '/api/runs', {
      method: 'POST',
      body: JSON.stringify({ taskName }),
      headers: { 'Content-Type': 'application/json' },
    });

  beforeAll(async () => {
    harness = await serverHarness({ app: { keys: apiKeys([admin.entry, one.entry, two.entry]) }, apiKey: admin.key });
    for (const taskName of ['Mine', 'Ours', 'Theirs']) {
      await pushScript(harness.client, taskName, 'true');
      const run = await harness.client.run({ taskName });
      runs.set(taskName, run.id);
    }
  });
  afterAll(() => harness.dispose());

  test('sees the others nowhere, in the same words as what there is not', async () => {
    const theirs = runs.get('Theirs') ?? '';
    for (const path of [
      `/api/runs/${theirs}`,
      `/api/runs/${theirs}/logs`,
      `/api/runs/${theirs}/outputs/a`,
      '/api/tasks/Theirs',
      '/api/tasks/Theirs/schema',
    ]) {
      const [hidden, missing] = [
        await ask(one.key, path),
        await ask(admin.key, path.replace(theirs, '0'.repeat(26)).replace('Theirs', 'Absent')),
      ];
      const [seen, expected] = [await hidden.json(), await missing.json()] as { detail: string; code: string }[];
      expect([path, hidden.status, seen?.code, seen?.detail]).toEqual([
        path,
        404,
        expected?.code,
        expected?.detail.replace('0'.repeat(26), theirs).replace('Absent', 'Theirs'),
      ]);
    }
    for (const action of ['cancel', 'rerun'])
      expect((await ask(one.key, `/api/runs/${theirs}/${action}`, { method: 'POST' })).status).toBe(404);
    expect((await ask(one.key, '/api/tasks/Theirs', { method: 'DELETE' })).status).toBe(404);
    for (const action of ['plan', 'check'])
      expect((await ask(one.key, `/api/tasks/Theirs/${action}`, { method: 'POST' })).status).toBe(404);
    expect((await start(one.key, 'Theirs')).status).toBe(404);
    expect((await ask(admin.key, '/api/tasks/Theirs')).status).toBe(200);
  });

  test('uses its own, under its name', async () => {
    expect((await harness.client.get(runs.get('Mine') ?? '')).requestedBy).toBe('admin');
    const answer = await start(one.key, 'Mine');
    expect([answer.status, await answer.json()]).toEqual([202, expect.objectContaining({ requestedBy: 'one' })]);
    expect((await ask(one.key, `/api/runs/${runs.get('Mine')}`)).status).toBe(200);
  });

  test('lists its own', async () => {
    const names = async (key: string, query: string) => {
      const answer = await ask(key, `/api/runs${query}`);
      return answer.status === 200
        ? [...new Set(((await answer.json()) as { runs: { taskName: string }[] }).runs.map(({ taskName }) => taskName))]
        : answer.status;
    };
    expect(await names(one.key, '')).toEqual(['Mine']);
    expect(await names(one.key, '?task=Theirs')).toBe(422);
    expect(await names(two.key, '')).toBe(422);
    expect(await names(two.key, '?task=Ours')).toEqual(['Ours']);
    const tasks = (await (await ask(two.key, '/api/tasks')).json()) as { tasks: { taskName: string }[] };
    expect(tasks.tasks.map(({ taskName }) => taskName)).toEqual(['Mine', 'Ours']);
  });
});

describe('without keys', () => {
  const app = appOf();
  const status = async (headers: Record<string, string>) =>
    (await app.request(`${origin}/healthz`, { headers })).status;

  test.each(['localhost', 'localhost:7070', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:65535', '[::1]', '[::1]:7070'])(
    'the host %s is this machine',
    async (Host) => {
      expect(await status({ Host })).toBe(200);
    },
  );

  test.each([
    'example.org',
    'localhost.example.org',
    'localhost.',
    '127.0.0.1.nip.io',
    '127.0.0.2',
    '169.254.169.254',
    '[::]',
    '0.0.0.0',
    'localhost:x',
    'user@localhost',
    'localhost:7070,example.org',
    '',
  ])('the host %j is not', async (Host) => {
    expect(await status({ Host })).toBe(403);
  });

  test.each([
    ['http://localhost:3000', 200],
    ['http://127.0.0.1', 200],
    ['https://[::1]:1', 200],
    ['null', 403],
    ['https://example.org', 403],
    ['http://localhost.example.org', 403],
    ['file://', 403],
    ['chrome-extension://localhost', 403],
    ['http://', 403],
  ])('the origin %s', async (Origin, expected) => {
    expect(await status({ Host: 'localhost', Origin })).toBe(expected);
  });
});

describe('answers', () => {
  test('say what browsers may not do with them, and name the request', async () => {
    const answer = await appOf().request(`${origin}/healthz`, { headers: { 'X-Request-Id': 'from-proxy-1' } });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
      'x-request-id': 'from-proxy-1',
    });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    const other = await appOf().request(`${origin}/nothing`, { headers: { 'X-Request-Id': 'in two words' } });
    const { requestId } = (await other.json()) as { requestId: string };
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect([other.headers.get('x-request-id'), other.headers.get('x-content-type-options')]).toEqual([
      requestId,
      'nosniff',
    ]);
  });

  test('a mistake of ours is told without any of its insides, and logged with all', async () => {
    const logged: unknown[] = [];
    const log = (details: object): void => void logged.push(details);
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const insides = new Error('SELECT * FROM runs at /home/errand/src/storage.js:12 ?sv=1&sig=abc');
    const answer = await appOf({ orchestrator: { ready: () => Promise.reject(insides) }, logger }).request(
      `${origin}/readyz`,
    );
    const text = await answer.text();
    expect([answer.status, JSON.parse(text)]).toEqual([
      500,
      expect.objectContaining({ code: 'internal', fault: 'errand', retryable: false }),
    ]);
    expect(text).not.toMatch(/SELECT|storage|sig=|stack/);
    expect(logged).toEqual([expect.objectContaining({ err: insides, requestId: answer.headers.get('x-request-id') })]);
  });

  test('what the operator has to mend is told without paths, codes and signatures', async () => {
    const message =
      'the database /var/lib/errand/errand.db cannot be opened (SQLITE_CANTOPEN): see https://store/x?sv=1&sig=abc, then free the disk';
    const ready = () => Promise.reject(new ErrandError('storageUnavailable', message));
    const answer = await appOf({ orchestrator: { ready } }).request(`${origin}/readyz`);
    const text = await answer.text();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(text).not.toMatch(/errand\.db|\/var|SQLITE_|sig=/);
    expect(text).toContain('then free the disk');
  });

  test.each(Object.entries(errorTable))('%s has its row of the table', async (code, row) => {
    const ready = () =>
      Promise.reject(new ErrandError(code as keyof typeof errorTable, 'why', { retryAfterSeconds: 2.5 }));
    const answer = await appOf({ orchestrator: { ready } }).request(`${origin}/readyz`);
    const { status, title, retryable, fault } = row;
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe('3');
    expect(await answer.json()).toEqual({
      type: `/docs/errors#${code}`,
      title,
      status,
      code,
      detail: code === 'internal' ? expect.any(String) : 'why',
      retryable,
      fault,
      requestId: answer.headers.get('x-request-id'),
    });
  });

  test('once the server is stopping everything is refused', async () => {
    const closing = new AbortController();
    const app = appOf({}, { closing: closing.signal });
    expect((await app.request(`${origin}/healthz`)).status).toBe(200);
    closing.abort();
    for (const path of ['/healthz', '/api/runs', '/nothing']) {
      const answer = await app.request(`${origin}${path}`);
      expect([answer.status, await answer.json()]).toEqual([
        503,
        expect.objectContaining({ code: 'shuttingDown', retryable: true }),
      ]);
    }
  });

  test('metrics count what was answered and what has ended, and open runs where they are stored', async () => {
    let tell: ((run: EndedRun) => void) | undefined;
    const app = appOf({
      storage: { countOpen: () => Promise.resolve({ queued: 2, running: 3 }) },
      orchestrator: {
        ready: () => Promise.resolve({}),
        onEnd: (callback) => {
          tell = callback;
        },
      },
    });
    tell?.(ended({ state: 'failed', reason: 'exitCode' }));
    await app.request(`${origin}/readyz`);
    await app.request(`${origin}/readyz`);
    await app.request(`${origin}/nothing`);
    const text = await (await app.request(`${origin}/metrics`)).text();
    expect(text).toContain('errand_http_requests_total{route="readyz",status="200"} 2');
    expect(text).toContain('errand_http_request_duration_seconds_count{route="readyz"} 2');
    expect(text).toContain('errand_runs_ended_total{state="failed",reason="exitCode"} 1');
    expect(text).toContain('errand_run_duration_seconds_count{state="failed"} 1');
    expect(text).toContain('errand_open_runs{state="queued"} 2');
    expect(text).toContain('errand_open_runs{state="running"} 3');
    expect(text).toContain('errand_open_runs{state="starting"} 0');
  });
});

describe('a request whose asker has hung up', () => {
  const asked = async (thrown: (reason: unknown) => unknown) => {
    const lines: string[] = [];
    const note = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`);
    const logger: Logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
    const hangUp = new AbortController();
    const app = appOf({
      logger,
      orchestrator: {
        get: async () => {
          hangUp.abort();
          throw thrown(hangUp.signal.reason);
        },
      },
    });
    const answer = await app.request(`${origin}/api/runs/${'0'.repeat(26)}`, { signal: hangUp.signal });
    return { status: answer.status, lines };
  };

  test.each<[what: string, thrown: (reason: unknown) => unknown]>([
    ['the reason of its signal', (reason) => reason],
    [
      'what reading a file ends with',
      (cause) => Object.assign(new Error('aborted', { cause }), { name: 'AbortError' }),
    ],
  ])('is no mistake of ours: %s', async (_, thrown) => {
    expect(await asked(thrown)).toEqual({ status: 499, lines: ['debug a request was given up by who asked'] });
  });

  test('hides no other mistake', async () => {
    expect(await asked(() => new TypeError('ours'))).toEqual({ status: 500, lines: ['error a request failed'] });
  });
});
