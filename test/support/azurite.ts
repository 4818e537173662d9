import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenCredential } from '@azure/identity';

/** The emulator's published development account: it opens nothing but an emulator. */
export const azuriteAccount = 'devstoreaccount1';
export const azuriteKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface Azurite {
  /** With the account key. */
  connectionString: string;
  /** Service addresses with the account in their path, as emulators have it. */
  blobUrl: string;
  queueUrl: string;
  tableUrl: string;
  /** With `oauth`: the certificate to trust, in PEM, and its file for programs of their own. */
  ca?: string;
  caFile?: string;
  /** With `oauth`: an identity that it takes. */
  credential?: TokenCredential;
  stop(): Promise<void>;
}

/** The certificate and the identity of an Azurite that asks for tokens. */
export interface AzuriteWithTokens extends Azurite {
  ca: string;
  caFile: string;
  credential: TokenCredential;
}

const program = resolve(import.meta.dirname, '../../node_modules/azurite/dist/src/azurite.js');
const startWithinMs = 60_000;
/** A worker that is killed says nothing to anybody, but the channel to it closes. */
const endsWithUs = ['--import', 'data:text/javascript,process.on("disconnect",()=>process.exit())'];
const fixedOptions = [
  '--inMemoryPersistence',
  '--silent',
  '--disableTelemetry',
  '--skipApiVersionCheck',
  '--blobHost=127.0.0.1',
  '--queueHost=127.0.0.1',
  '--tableHost=127.0.0.1',
];

/**
 * Blob, queue and table storage on loopback, in memory, empty. One per test file is enough: it takes some seconds to start. With `oauth` it speaks
 * https, with a certificate made for it, and takes tokens beside the account key.
 */
export function startAzurite(options: { oauth: true }): Promise<AzuriteWithTokens>;
export function startAzurite(options?: { oauth?: boolean }): Promise<Azurite>;
export async function startAzurite({ oauth = false }: { oauth?: boolean } = {}): Promise<Azurite> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-azurite-'));
  const [blob = 0, queue = 0, table = 0] = await freePorts(3);
  const certificate = oauth ? await makeCertificate(directory) : undefined;
  const portOptions = ['--blobPort', String(blob), '--queuePort', String(queue), '--tablePort', String(table)];
  const tokenOptions =
    certificate === undefined ? [] : ['--oauth', 'basic', '--cert', certificate.caFile, '--key', certificate.keyFile];
  const child = spawn(process.execPath, [...endsWithUs, program, ...fixedOptions, ...portOptions, ...tokenOptions], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const exited = once(child, 'exit');
  // It has outlived SIGTERM, and it has nothing to lose.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    kill();
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const port of [blob, queue, table]) await listening(port, () => child.exitCode !== null);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = (port: number): string => `${oauth ? 'https' : 'http'}://127.0.0.1:${port}/${azuriteAccount}`;
  const urls = { blobUrl: url(blob), queueUrl: url(queue), tableUrl: url(table) };
  return {
    ...urls,
    connectionString: connectionString(urls),
    ...(certificate === undefined ? {} : { ca: certificate.ca, caFile: certificate.caFile, credential: anyIdentity }),
    stop,
  };
}

/** The connection string of the development account, for services at these addresses (a proxy's, for instance). */
export function connectionString(urls: Pick<Azurite, 'blobUrl' | 'queueUrl' | 'tableUrl'>): string {
  const protocol = new URL(urls.blobUrl).protocol.replace(':', '');
  return [
    `DefaultEndpointsProtocol=${protocol}`,
    `AccountName=${azuriteAccount}`,
    `AccountKey=${azuriteKey}`,
    `BlobEndpoint=${urls.blobUrl}`,
    `QueueEndpoint=${urls.queueUrl}`,
    `TableEndpoint=${urls.tableUrl}`,
    '',
  ].join(';');
}

/** A token that has the shape which `--oauth basic` looks for, and no signature. */
const anyIdentity: TokenCredential = {
  getToken: async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      aud: 'https://storage.azure.com',
      iss: 'https://sts.windows.net/00000000-0000-0000-0000-000000000001/',
      tid: '00000000-0000-0000-0000-000000000001',
      oid: '00000000-0000-0000-0000-000000000002',
      iat: now - 60,
      nbf: now - 60,
      exp: now + 3_600,
    };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    return {
      token: `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${Buffer.from('unsigned').toString('base64url')}`,
      expiresOnTimestamp: (now + 3_600) * 1000,
    };
  },
};

async function makeCertificate(directory: string): Promise<{ ca: string; caFile: string; keyFile: string }> {
  const caFile = join(directory, 'certificate.pem');
  const keyFile = join(directory, 'key.pem');
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', keyFile, '-out', caFile],
    { stdio: 'ignore' },
  );
  return { ca: await readFile(caFile, 'utf8'), caFile, keyFile };
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function listening(port: number, hasExited: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + startWithinMs;
  for (;;) {
    const isUp = await new Promise<boolean>((answer) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        answer(true);
      });
      socket.on('error', () => answer(false));
    });
    if (isUp) return;
    if (hasExited()) throw new Error('Azurite ended while it started');
    if (performance.now() > giveUpAt) throw new Error(`Azurite did not start within ${startWithinMs / 1000} seconds`);
    await sleep(100);
  }
}
