import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { ensureExampleImage } from '../../../src/entry/commands/example-image.ts';
import { processIo, type Io } from '../../../src/entry/terminal/io.ts';

let directory: string;
let notes: string[];
let io: Io;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'errand-image-'));
  notes = [];
  const say = (text: string): void => void notes.push(text);
  io = { ...processIo({ environment: {}, json: true, noColor: true, url: undefined }), note: say, noteRaw: say };
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** Answers what an engine answers, and keeps what it was asked. */
async function engine(images: readonly string[]): Promise<{ socketPath: string; asked: string[]; stop(): void }> {
  const socketPath = join(directory, 'docker.sock');
  const asked: string[] = [];
  const answer: RequestListener = ({ method, url = '' }, response) => {
    const path = decodeURIComponent(url.replace(/^\/v[\d.]+/, ''));
    asked.push(`${method} ${path}`);
    const image = /^\/images\/(.+)\/(?:json|tag)/.exec(path)?.[1] ?? '';
    const found = images.includes(image);
    response.writeHead(found ? (method === 'POST' ? 201 : 200) : 404, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(found ? { Id: 'sha256:1', RepoDigests: [] } : { message: `no such image: ${image}` }));
  };
  const server = createServer(answer).listen(socketPath);
  await once(server, 'listening');
  return { socketPath, asked, stop: () => void server.close() };
}

test('an engine that has the image of the examples is left alone', async () => {
  const { socketPath, asked, stop } = await engine(['errand-minimal:local']);
  await ensureExampleImage({ socketPath }, directory, io);
  stop();
  expect(asked).toEqual(['GET /images/errand-minimal:local/json']);
  expect(notes).toEqual([]);
});

test('one that lacks it gets a stand-in', async () => {
  const { socketPath, asked, stop } = await engine(['busybox:stable']);
  await ensureExampleImage({ socketPath }, directory, io);
  stop();
  expect(asked.at(-1)).toBe('POST /images/busybox:stable/tag?repo=errand-minimal&tag=local');
  expect(notes.join('\n')).toContain('getting busybox:stable as a stand-in');
});

test('where that fails, it says what to do', async () => {
  await ensureExampleImage({ socketPath: join(directory, 'nobody.sock') }, directory, io);
  expect(notes.join('\n')).toContain('docker pull busybox:stable && docker tag busybox:stable errand-minimal:local');
});
