import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { buildDashboard } from '../../scripts/build-dashboard.ts';

const mostBytes = 60 * 1024;

let directory: string;
let files: { name: string; bytes: Buffer }[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-build-'));
  await buildDashboard(directory);
  const names = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  files = await Promise.all(
    names.map(async ({ name, parentPath }) => ({ name, bytes: await readFile(join(parentPath, name)) })),
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const scripts = () => files.filter(({ name }) => name.endsWith('.js'));

test('all scripts together are small', () => {
  const bytes = scripts().reduce((sum, file) => sum + gzipSync(file.bytes, { level: 9 }).length, 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(mostBytes);
});

test('the page runs nothing inline and names nothing that another host has', () => {
  const page = files.find(({ name }) => name === 'index.html')?.bytes.toString() ?? '';
  expect(page).toContain('<script type="module"');
  expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/);
  for (const [, address = ''] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(address).toMatch(/^\/assets\//);
});

test('neither scripts nor styles name another host, but for the names of XML', () => {
  const text = files.map(({ bytes }) => bytes.toString()).join('\n');
  const hosts = [...text.matchAll(/https?:\/\/([\w.-]+)/g)].map(([, host]) => host);
  expect(hosts.filter((host) => host !== 'www.w3.org')).toEqual([]);
});

test('the checks of the server stay on the server', () => {
  expect(scripts().filter(({ bytes }) => /ZodError|re2js/i.test(bytes.toString()))).toEqual([]);
});
