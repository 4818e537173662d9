import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ensurePackages, findProgram } from '../../scripts/debian-packages.ts';

const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');

let folder: string;
let said: string[];
const path = process.env['PATH'];
const log = (line: string): void => void said.push(line);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-packages-'));
  said = [];
  process.env['PATH'] = `${folder}:${path ?? ''}`;
});

afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true, force: true });
});

/** An apt-get of our own, first on the PATH: notes its arguments, and then does what `body` says. */
function aptGet(body: string): () => string[] {
  const calls = join(folder, 'calls');
  writeFileSync(calls, '');
  writeFileSync(join(folder, 'apt-get'), `#!/bin/sh\necho "$@" >>'${calls}'\ncd '${folder}'\n${body}\n`, {
    mode: 0o755,
  });
  return () => readFileSync(calls, 'utf8').split('\n').slice(0, -1);
}

const wanted = () => [
  { name: 'sl', why: 'a train', present: () => existsSync(join(folder, 'sl')) },
  { name: 'coreutils', why: 'always there', present: () => true },
];
const install = 'install -y --no-install-recommends sl';

test('nothing is installed, and nothing said, where everything is there', async () => {
  const calls = aptGet('exit 1');
  expect(await ensurePackages(wanted().slice(1), { log })).toBeUndefined();
  expect(calls()).toEqual([]);
  expect(said).toEqual([]);
});

test('programs are found in the folders of the administrator too', () => {
  process.env['PATH'] = folder;
  expect(findProgram('chroot')).toBe('/usr/sbin/chroot');
  expect(findProgram('no-such-program')).toBeUndefined();
});

describe('as root on Debian', () => {
  beforeEach((context) => context.skip(!isRootOnDebian, 'only root on Debian installs packages'));

  test('what is missing is named with its reason, and installed without fetching lists that are there', async () => {
    const calls = aptGet('touch sl');
    expect(await ensurePackages(wanted(), { log })).toBeUndefined();
    expect(said).toEqual(['Installing 1 Debian package:', '  sl (a train)']);
    expect(calls()).toEqual([install]);
  });

  test('lists are fetched where the first try fails', async () => {
    const calls = aptGet('case $1 in update) touch lists ;; *) [ -e lists ] && touch sl ;; esac');
    expect(await ensurePackages(wanted(), { log })).toBeUndefined();
    expect(calls()).toEqual([install, 'update', install]);
  });

  test('a package that cannot be had is a reason, with what apt said', async () => {
    aptGet('echo "E: no such package" >&2; exit 100');
    expect(await ensurePackages(wanted(), { log })).toBe('apt-get could not install sl');
    expect(said.join('\n')).toContain('apt-get install ended with 100:\nE: no such package');
  });

  test('no service is started meanwhile, unless systemd does it', async () => {
    const switchedOff = existsSync('/usr/sbin/policy-rc.d') || existsSync('/run/systemd/system');
    aptGet('[ -e /usr/sbin/policy-rc.d ] || [ -e /run/systemd/system ] || exit 1; touch sl');
    expect(await ensurePackages(wanted(), { log })).toBeUndefined();
    expect(existsSync('/usr/sbin/policy-rc.d') || existsSync('/run/systemd/system')).toBe(switchedOff);
  });
});
