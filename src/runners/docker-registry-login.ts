import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Cancelable } from '../core/ports/storage.ts';

/** What the engine is given as `X-Registry-Auth`. */
export interface RegistryAuth {
  username?: string;
  password?: string;
  identitytoken?: string;
  serveraddress: string;
}

export interface RegistryLogin {
  auth?: RegistryAuth;
  /** Why a login that is configured could not be used: a public image may do without. */
  problem?: string;
}

interface DockerConfig {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

export interface LoginOptions extends Cancelable {
  configDirectory: string | undefined;
  clock: Clock;
  logger: Logger;
}

/** Docker Hub has kept its first address as its name in configuration files. */
const hubName = 'https://index.docker.io/v1/';
const helperTimeoutMs = 30_000;

/**
 * The login that `docker login` left for a registry, found as Docker's own client finds it: a helper named for the registry, the
 * store for all, then the file itself. Source: the reference of the docker command, "Credential stores" and "Credential helpers".
 */
export async function registryLogin(host: string, options: LoginOptions): Promise<RegistryLogin> {
  const { configDirectory, logger } = options;
  if (configDirectory === undefined) return {};
  const server = host === 'docker.io' ? hubName : host;
  try {
    const config = await readConfig(join(configDirectory, 'config.json'));
    const helper = config.credHelpers?.[server] ?? config.credHelpers?.[host] ?? config.credsStore;
    const auth = helper === undefined ? fromFile(config, host, server) : await fromHelper(helper, server, options);
    return auth === undefined ? {} : { auth };
  } catch (error) {
    options.signal?.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    const problem = `The login for ${host} in ${configDirectory} cannot be used: ${why}.`;
    logger.warn({ host }, problem);
    return { problem };
  }
}

async function readConfig(path: string): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  const config: unknown = JSON.parse(text);
  if (typeof config !== 'object' || config === null) throw new Error('config.json is not a JSON object');
  return config;
}

function fromFile(config: DockerConfig, host: string, server: string): RegistryAuth | undefined {
  const entry = Object.entries(config.auths ?? {}).find(([key]) => key === server || hostOf(key) === host)?.[1];
  if (entry === undefined) return undefined;
  if (entry.identitytoken !== undefined && entry.identitytoken !== '') {
    return { identitytoken: entry.identitytoken, serveraddress: server };
  }
  if (entry.auth !== undefined && entry.auth !== '') {
    const pair = Buffer.from(entry.auth, 'base64').toString();
    const colon = pair.indexOf(':');
    if (colon === -1) throw new Error('its "auth" is not user:password in base64');
    return { username: pair.slice(0, colon), password: pair.slice(colon + 1), serveraddress: server };
  }
  if (entry.username === undefined || entry.password === undefined) return undefined;
  return { username: entry.username, password: entry.password, serveraddress: server };
}

/** `https://host/v1/` and `host` are the same registry. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').split('/', 1)[0] ?? key;
}

async function fromHelper(helper: string, server: string, options: LoginOptions): Promise<RegistryAuth | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(helper))
    throw new Error(`"${helper}" is not the name of a credential helper`);
  const { code, output } = await askHelper(`docker-credential-${helper}`, server, options);
  if (code !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw new Error(`docker-credential-${helper} ended with exit code ${code}`);
  }
  const answer: unknown = JSON.parse(output);
  if (typeof answer !== 'object' || answer === null || !('Username' in answer) || !('Secret' in answer)) {
    throw new Error(`docker-credential-${helper} gave no Username and Secret`);
  }
  const username = String(answer.Username);
  const secret = String(answer.Secret);
  return username === '<token>'
    ? { identitytoken: secret, serveraddress: server }
    : { username, password: secret, serveraddress: server };
}

/** The helpers' protocol: the server's name on standard input, JSON or a complaint on standard output. */
async function askHelper(
  command: string,
  server: string,
  { signal, clock }: LoginOptions,
): Promise<{ code: number; output: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; output: string }>();
  const child = spawn(command, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], signal, killSignal: 'SIGKILL' });
  const disarm = clock.after(helperTimeoutMs, () => child.kill('SIGKILL'));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('error', (error) =>
    reject('code' in error && error.code === 'ENOENT' ? new Error(`${command} is not on the PATH`) : error),
  );
  child.on('close', (code) => resolve({ code: code ?? 255, output: Buffer.concat(chunks).toString() }));
  // A helper that ends without reading is judged by its exit code.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(`${server}\n`);
  try {
    return await promise;
  } finally {
    disarm();
  }
}
