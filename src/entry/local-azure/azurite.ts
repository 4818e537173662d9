import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ErrandError } from '../../contract/errors.ts';
import type { Clock } from '../../core/clock.ts';
import type { Environment } from '../config.ts';
import { packageRoot } from '../package-root.ts';
import { childService, isListening, ready } from './child-service.ts';

export interface LocalStorage {
  connectionString: string;
  /** Address of the blob service, with the account in its path. */
  blobs: string;
  close(): Promise<void>;
}

/** The development account, the same in every emulator of Azure Storage. Source: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite#well-known-storage-account-and-key */
const account = 'devstoreaccount1';
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const patienceMs = 60_000;

/** Blob, Queue and Table storage on loopback, in memory: what is in it ends with it. Throws `invalidConfiguration` where Azurite is not installed. */
export async function localStorage(options: { environment: Environment; clock: Clock }): Promise<LocalStorage> {
  const { clock } = options;
  const program = await findAzurite();
  const directory = await mkdtemp(join(tmpdir(), 'errand-azurite-'));
  const services = ['blob', 'queue', 'table'] as const;
  const ports = await freePorts(services.length);
  const service = childService(
    [
      program,
      '--inMemoryPersistence',
      '--silent',
      '--disableTelemetry',
      '--skipApiVersionCheck',
      ...services.flatMap((name, index) => [`--${name}Host=127.0.0.1`, `--${name}Port=${ports[index]}`]),
    ],
    { ...options, directory },
  );
  const close = async (): Promise<void> => {
    // It has nothing to save, and has been seen to ignore the wish.
    await service.stop(500);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await ready(service, { name: 'Azurite', patienceMs, clock }, async () =>
      (await Promise.all(ports.map(isListening))).every(Boolean) ? true : undefined,
    );
  } catch (error) {
    await close();
    throw error;
  }
  const [blobs = '', queues, tables] = ports.map((port) => `http://127.0.0.1:${port}/${account}`);
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};BlobEndpoint=${blobs};QueueEndpoint=${queues};TableEndpoint=${tables};`;
  return { connectionString, blobs, close };
}

/** Beside us, or in the folder that we were called in: it is a tool for development, not a part of Errand. */
async function findAzurite(): Promise<string> {
  for (const place of [packageRoot, process.cwd()]) {
    try {
      const manifest = createRequire(join(place, 'index.js')).resolve('azurite/package.json');
      return join(dirname(manifest), 'dist/src/azurite.js');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error;
    }
  }
  throw new ErrandError(
    'invalidConfiguration',
    'Azurite, which stands in for Azure Storage, is not installed: run "npm install azurite" in this folder, and try again',
  );
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map((server) => {
      server.close();
      return once(server, 'close');
    }),
  );
  return ports;
}
