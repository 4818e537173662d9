import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { ErrandError } from '../contract/errors.ts';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import type { WebhookRules } from '../core/webhook-target.ts';

import type { DockerConnection } from '../runners/docker-engine.ts';
import { processEnvironmentNames, processIsNoSandbox } from '../runners/process-environment.ts';
import type { SecretSources } from './secret-reader.ts';
import { webhookRules, webhookVariables } from './webhook-config.ts';
import { telemetryConfig, type TelemetryConfig } from './telemetry/telemetry-config.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** That of this process. */
export const environment: Environment = process.env;

export interface ServerConfig {
  host: string;
  port: number;
  dataDirectory: string;
  driver: 'docker' | 'process' | 'auto';
  docker: {
    connection: DockerConnection;
    /** Where `docker login` keeps its `config.json`. */
    configDirectory: string;
    /** The data directory as the engine sees it, where that is another path. */
    engineDirectory: string | undefined;
  };
  /** What process runners may take over of this environment. */
  processEnvironment: Readonly<Record<string, string>>;
  namePrefix: string;
  maximumRunners: number;
  /** JSON file of hashed API keys; without it only this machine is served. */
  apiKeysFile: string | undefined;
  /** 32 bytes; undefined where a key file in the data directory is to be used. */
  secretKey: Uint8Array | undefined;
  secretSources: SecretSources;
  webhooks: WebhookRules;
  policy: Policy;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Undefined where nothing is exported. */
  telemetry: TelemetryConfig | undefined;
}

export interface ClientConfig {
  url: string;
  apiKey: string | undefined;
}

export const defaultPort = 7070;

/** What the key that seals has to be, and how to make one. */
export const secretKeyForm = 'must be 32 bytes in base64: openssl rand -base64 32';

const whole = (minimum: number, maximum: number) => {
  const error = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^[0-9]{1,15}$/, error)
    .transform(Number)
    .pipe(z.int().min(minimum, error).max(maximum, error));
};

/** The variables that `errand serve` and `errand dev` read, each checked. Empty counts as not set. */
const serverVariables = z.object({
  ERRAND_HOST: z.string().default('127.0.0.1'),
  ERRAND_PORT: whole(0, 65_535).default(defaultPort),
  ERRAND_DATA_DIR: z.string().default('.errand'),
  ERRAND_DRIVER: z.enum(['docker', 'process', 'auto']).optional(),
  ERRAND_ALLOW_PROCESS_DRIVER: z.enum(['0', '1']).default('0'),
  ERRAND_EXCHANGE_HOST_PATH: z.string().startsWith('/', 'must be a path that begins with /').optional(),
  ERRAND_NAME_PREFIX: z
    .string()
    .regex(
      /^[a-z][a-z0-9]{0,15}(?:-[a-z0-9]{1,10})?$/,
      'must be at most 16 lower-case letters and digits, a letter first, and may end with a hyphen and 10 more',
    )
    .default('errand'),
  ERRAND_MAX_RUNNERS: whole(1, 100_000).default(64),
  ERRAND_API_KEYS_FILE: z.string().optional(),
  ERRAND_SECRET_KEY: z.base64(secretKeyForm).optional(),
  ERRAND_SECRET_KEY_FILE: z.string().optional(),
  ERRAND_SECRETS_DIR: z.string().optional(),
  ERRAND_LOG_MAX_BYTES: whole(1_024, 1_099_511_627_776).default(defaultPolicy.logMaxBytes),
  ERRAND_KEEP_DAYS: whole(1, 36_500).default(defaultPolicy.keepRecordsMs / 86_400_000),
  ...webhookVariables,
  ERRAND_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  NODE_ENV: z.string().optional(),
  DOCKER_HOST: z.string().optional(),
  DOCKER_CERT_PATH: z.string().optional(),
  DOCKER_TLS_VERIFY: z.string().optional(),
  DOCKER_CONFIG: z.string().optional(),
});

/** Reads the configuration of a server. Throws `invalidConfiguration` naming every variable that is wrong. */
export function serverConfig(from: Environment, defaults: { driver: ServerConfig['driver'] }): ServerConfig {
  const set = Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = serverVariables.safeParse(set);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new ErrandError(
      'invalidConfiguration',
      `these variables are not valid: ${wrong}. docs/configuration.md lists them all`,
    );
  }
  const variables = parsed.data;
  const driver = variables.ERRAND_DRIVER ?? defaults.driver;
  refuseProcessInProduction(driver, variables);
  return {
    host: variables.ERRAND_HOST,
    port: variables.ERRAND_PORT,
    dataDirectory: resolve(variables.ERRAND_DATA_DIR),
    driver,
    docker: {
      connection: dockerConnection(variables),
      configDirectory: variables.DOCKER_CONFIG ?? join(homedir(), '.docker'),
      engineDirectory: variables.ERRAND_EXCHANGE_HOST_PATH,
    },
    processEnvironment: pick(from, processEnvironmentNames),
    namePrefix: variables.ERRAND_NAME_PREFIX,
    maximumRunners: variables.ERRAND_MAX_RUNNERS,
    apiKeysFile: variables.ERRAND_API_KEYS_FILE === undefined ? undefined : resolve(variables.ERRAND_API_KEYS_FILE),
    secretKey: secretKey(variables),
    secretSources: {
      environment: pick(
        from,
        Object.keys(from).filter((name) => name.startsWith('ERRAND_SECRET_') && !ownNames.has(name)),
      ),
      ...(variables.ERRAND_SECRETS_DIR === undefined ? {} : { directory: resolve(variables.ERRAND_SECRETS_DIR) }),
    },
    webhooks: webhookRules(variables),
    policy: {
      ...defaultPolicy,
      logMaxBytes: variables.ERRAND_LOG_MAX_BYTES,
      keepRecordsMs: variables.ERRAND_KEEP_DAYS * 86_400_000,
    },
    logLevel: variables.ERRAND_LOG_LEVEL,
    telemetry: telemetryConfig(from, { applicationInsights: false }),
  };
}

/** Reads where the CLI finds its server. */
export function clientConfig(from: Environment): ClientConfig {
  const url = from['ERRAND_URL'];
  const apiKey = from['ERRAND_API_KEY'];
  return {
    url: url === undefined || url === '' ? `http://127.0.0.1:${defaultPort}` : url,
    apiKey: apiKey === '' ? undefined : apiKey,
  };
}

type Variables = z.output<typeof serverVariables>;

/** The key that seals is no secret for tasks, though its name begins like one. */
const ownNames: ReadonlySet<string> = new Set(Object.keys(serverVariables.shape));

function refuseProcessInProduction(
  driver: ServerConfig['driver'],
  { NODE_ENV, ERRAND_ALLOW_PROCESS_DRIVER }: Variables,
): void {
  if (driver !== 'process' || NODE_ENV !== 'production' || ERRAND_ALLOW_PROCESS_DRIVER === '1') return;
  throw new ErrandError(
    'invalidConfiguration',
    `${processIsNoSandbox} It is refused where NODE_ENV is production: set ERRAND_DRIVER=docker, or ERRAND_ALLOW_PROCESS_DRIVER=1 if you accept that`,
  );
}

function secretKey({ ERRAND_SECRET_KEY: inline, ERRAND_SECRET_KEY_FILE: file }: Variables): Uint8Array | undefined {
  if (inline !== undefined) return Buffer.from(inline, 'base64');
  if (file === undefined) return undefined;
  try {
    return Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  } catch (cause) {
    throw new ErrandError(
      'invalidConfiguration',
      `ERRAND_SECRET_KEY_FILE names ${file}, which cannot be read: make it with "openssl rand -base64 32"`,
      { cause },
    );
  }
}

/** The same variables, with the same meaning, as the docker command. */
function dockerConnection({ DOCKER_HOST, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY }: Variables): DockerConnection {
  if (DOCKER_HOST === undefined) return { socketPath: '/var/run/docker.sock' };
  if (DOCKER_HOST.startsWith('unix://')) return { socketPath: DOCKER_HOST.slice('unix://'.length) };
  if (!URL.canParse(DOCKER_HOST) || !/^(?:tcp|https?):$/.test(new URL(DOCKER_HOST).protocol)) {
    throw new ErrandError(
      'invalidConfiguration',
      `DOCKER_HOST is ${DOCKER_HOST}: it must be unix:///path/of/socket or tcp://host:port (ssh:// is not supported; forward the socket instead)`,
    );
  }
  const { hostname, port } = new URL(DOCKER_HOST);
  const tls = DOCKER_TLS_VERIFY !== undefined;
  return {
    host: hostname,
    port: port === '' ? (tls ? 2376 : 2375) : Number(port),
    ...(tls ? { tls: certificates(DOCKER_CERT_PATH ?? join(homedir(), '.docker')) } : {}),
  };
}

function certificates(directory: string): { ca: string; cert: string; key: string } {
  const read = (file: string) => {
    try {
      return readFileSync(join(directory, file), 'utf8');
    } catch (cause) {
      throw new ErrandError(
        'invalidConfiguration',
        `DOCKER_TLS_VERIFY is set, but ${join(directory, file)} cannot be read: set DOCKER_CERT_PATH to the directory of ca.pem, cert.pem and key.pem`,
        { cause },
      );
    }
  };
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

function pick(from: Environment, names: readonly string[]): Record<string, string> {
  const picked = Object.create(null) as Record<string, string>;
  for (const name of names) {
    const value = from[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
