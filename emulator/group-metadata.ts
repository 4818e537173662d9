import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { MetadataEndpoint } from './metadata-endpoint.ts';

const run = promisify(execFile);
const longestWaitMs = 10_000;

function enter(pid: number): string[] {
  return [`--net=/proc/${pid}/ns/net`, '--'];
}

/**
 * Gives the network namespace of a process the address of the metadata service, so that a group without an identity meets a closed
 * port and never the metadata service of the machine that the emulator runs on. Needs root, nsenter and ip on the engine's own machine.
 */
export async function claimMetadataAddress(pid: number): Promise<void> {
  const command = ['ip', 'address', 'add', '169.254.169.254/32', 'dev', 'lo'];
  await run('nsenter', [...enter(pid), ...command], { timeout: longestWaitMs });
}

/** Listens in the network namespace of a process, with the socket in ours. */
function listenIn(pid: number): Promise<NetServer> {
  const listener = fileURLToPath(new URL(`./netns-listener${extname(import.meta.url)}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', [...enter(pid), process.execPath, listener], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout: longestWaitMs,
    });
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`The metadata address could not be opened (exit ${code}): ${complaint.trim()}`)),
    );
    child.once('message', (_, handle) => {
      child.send('taken');
      if (handle instanceof NetServer) resolve(handle);
      else reject(new Error('The metadata address was opened, but its socket did not arrive'));
    });
  });
}

export interface GroupMetadata {
  close(): Promise<void>;
}

/** Serves the metadata endpoint inside the network namespace of a process, and nowhere else. */
export async function serveMetadata(pid: number, endpoint: MetadataEndpoint): Promise<GroupMetadata> {
  const http = createServer(endpoint);
  const listening = await listenIn(pid);
  // Not by its connections: those of a plain server are closed once the client has said all it has to say, answered or not.
  http.listen(listening);
  return {
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
        listening.close();
      }),
  };
}
