import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const project = readFileSync('azure.yaml', 'utf8');

/** Commands of a hook for one kind of system. */
function hook(name: string, system: 'posix' | 'windows'): string | undefined {
  const block = new RegExp(`^  ${name}:\\n((?:    .*\\n)+)`, 'm').exec(project)?.[1] ?? '';
  return new RegExp(`^    ${system}: \\{ shell: \\w+, run: (.+) \\}$`, 'm').exec(block)?.[1];
}

describe('azure.yaml', () => {
  test('deploys the folder that the bundle is made in, to the app that has its tag', () => {
    expect(project).toMatch(
      /^services:\n {2}errand:\n(?: {4}.*\n)* {4}project: \.\/dist\/functions\n {4}language: js\n {4}host: function\n/m,
    );
    expect(readFileSync('infra/modules/function-app.bicep', 'utf8')).toContain("'azd-service-name': 'errand'");
  });

  test.each(['prerestore', 'prepackage', 'predeploy'])('%s makes the bundle, on every system', (name) => {
    for (const system of ['posix', 'windows'] as const) expect(hook(name, system)).toMatch(/(?:^|&& )npm run bundle$/);
  });

  test('before provisioning the key is made, on every system', () => {
    for (const system of ['posix', 'windows'] as const) {
      const [program, path = ''] = hook('preprovision', system)?.split(' ') ?? [];
      expect(program).toBe('node');
      expect(existsSync(path)).toBe(true);
    }
  });
});

describe('the key that seals secrets', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'errand-azd-'));
    // Stands where azd would, keeps what it is told, and fails when asked to.
    const azd = join(folder, 'azd');
    writeFileSync(azd, '#!/bin/sh\n[ -z "$FAIL" ] || exit 3\nprintf "%s\\n" "$@" > "$0.told"\n');
    chmodSync(azd, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function run(environment: Record<string, string>) {
    rmSync(join(folder, 'azd.told'), { force: true });
    const { status, stdout, stderr } = spawnSync(process.execPath, ['infra/hooks/secret-key.mjs'], {
      encoding: 'utf8',
      env: { PATH: `${folder}:/usr/bin:/bin`, ...environment },
    });
    const told = existsSync(join(folder, 'azd.told'))
      ? readFileSync(join(folder, 'azd.told'), 'utf8').trim().split('\n')
      : [];
    return { status, output: stdout + stderr, told };
  }

  test('is made where there is none, is kept in the azd environment, and is shown to nobody', () => {
    const { status, output, told } = run({});
    expect(status).toBe(0);
    expect(told.slice(0, 3)).toEqual(['env', 'set', 'ERRAND_SECRET_KEY']);
    const key = told[3] ?? '';
    expect(Buffer.from(key, 'base64')).toHaveLength(32);
    expect(key).toHaveLength(44);
    expect(output).toBe('');
    expect(run({}).told[3]).not.toBe(key);
  });

  test('stays what it is', () => {
    const { status, told } = run({ ERRAND_SECRET_KEY: Buffer.alloc(32, 1).toString('base64') });
    expect(status).toBe(0);
    expect(told).toEqual([]);
  });

  test.each(['too short', Buffer.alloc(16).toString('base64')])('is refused where it is no key: %s', (key) => {
    const { status, output, told } = run({ ERRAND_SECRET_KEY: key });
    expect(status).toBe(1);
    expect(told).toEqual([]);
    expect(output).toContain('openssl rand -base64 32');
    expect(output).not.toContain(key);
  });

  test('stops provisioning where azd cannot keep it', () => {
    const { status, output } = run({ FAIL: '1' });
    expect(status).toBe(1);
    expect(output).toContain('azd ended with 3');
  });
});
