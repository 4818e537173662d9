import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { priceListSchema, type PriceList } from '../contract/cost.ts';
import { ErrandError } from '../contract/errors.ts';
import { scopes, type Scope } from '../contract/routes.ts';
import { listPrices } from '../core/cost.ts';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import type { WebhookRules } from '../core/webhook-target.ts';
import type { AzurePlace } from '../runners/azure-settings.ts';
import { azureNames, settingOf } from './azure-setting-names.ts';
import { azureStorageConfig, type AzureStorageConfig } from './azure-storage-config.ts';
import { secretKeyForm, type Environment } from './config.ts';
import type { SecretSources } from './secret-reader.ts';
import { webhookRules, webhookVariables } from './webhook-config.ts';

/** Who is let in by a token of Entra ID. */
export interface EntraConfig {
  tenantId: string;
  /** What a token must be for: the application id, or its id URI. */
  audience: string;
  /** Where the keys of the issuer are. */
  jwksUrl: string;
  /** The only clients (application ids) that may ask; undefined where any may that has a role. */
  clients: readonly string[] | undefined;
}

export interface AzureConfig {
  storage: AzureStorageConfig;
  driver: 'azure-container-instances' | 'docker';
  subscriptionId: string;
  resourceGroup: string;
  places: readonly [AzurePlace, ...AzurePlace[]];
  /** Of Resource Manager; undefined for the public cloud. On plain http it is an emulator, which is asked without a token. */
  armEndpoint: string | undefined;
  identities: readonly string[];
  defaultIdentity: string | undefined;
  registries: readonly { server: string; identity: string }[];
  subnetId: string | undefined;
  logAnalytics: { workspaceId: string; workspaceKey: string } | undefined;
  priority: 'Regular' | 'Spot';
  tags: Readonly<Record<string, string>>;
  /** Start of the names of container groups. */
  namePrefix: string;
  /** Start of the names of the containers in them. */
  containerNamePrefix: string;
  /** Of the identity that Errand runs as, where there are several. */
  clientId: string | undefined;
  /** 32 bytes; undefined where one is to be made and kept in storage. */
  secretKey: Uint8Array | undefined;
  secretSources: SecretSources;
  webhooks: WebhookRules;
  /** JSON of hashed API keys. */
  apiKeys: string | undefined;
  entra: EntraConfig | undefined;
  /** Who checks at the door before we do. */
  authLevel: 'function' | 'anonymous';
  /** What a caller may do who came in with a key of the Functions host alone. */
  functionKeyScopes: readonly Scope[];
  /** Whether this is a developer's machine, where callers from this machine need no key. */
  development: boolean;
  policy: Policy;
  prices: PriceList;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

const list = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()])));

const positive = z
  .string()
  .regex(/^[1-9][0-9]{0,14}$/, 'must be a whole number from 1 on')
  .transform(Number);

const guid = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a GUID');

/** The settings beside those of storage, each checked. Empty counts as not set. */
const variables = z.object({
  ERRAND_DRIVER: z.enum(['azure-container-instances', 'docker']).default('azure-container-instances'),
  ERRAND_SUBSCRIPTION_ID: guid.optional(),
  ERRAND_RESOURCE_GROUP: z.string().optional(),
  ERRAND_REGIONS: list,
  ERRAND_ARM_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  ERRAND_IDENTITIES: list,
  ERRAND_DEFAULT_IDENTITY: z.string().optional(),
  ERRAND_REGISTRIES: list,
  ERRAND_SUBNET_ID: z.string().optional(),
  ERRAND_LOG_ANALYTICS_ID: guid.optional(),
  ERRAND_LOG_ANALYTICS_KEY: z.string().optional(),
  ERRAND_PRIORITY: z.enum(['Regular', 'Spot']).default('Regular'),
  ERRAND_TAGS: list,
  ERRAND_NAME_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,29}$/, 'must be at most 30 lower-case letters, digits and hyphens, a letter first')
    .transform((prefix) => prefix.replace(/-+$/, ''))
    .default('errand'),
  ERRAND_CONTAINER_NAME_PREFIX: z.string().default('errand'),
  ERRAND_CLIENT_ID: guid.optional(),
  ERRAND_SECRET_KEY: z.base64(secretKeyForm).optional(),
  ERRAND_API_KEYS: z.string().optional(),
  ERRAND_AUTH_LEVEL: z.enum(['function', 'anonymous']).default('function'),
  ERRAND_FUNCTION_KEY_SCOPES: list,
  ERRAND_ENTRA_TENANT_ID: guid.optional(),
  ERRAND_ENTRA_AUDIENCE: z.string().optional(),
  ERRAND_ENTRA_JWKS_URL: z.url({ protocol: /^https?$/ }).optional(),
  ERRAND_ENTRA_CLIENTS: list,
  ERRAND_PRICES_FILE: z.string().optional(),
  ERRAND_LOG_MAX_BYTES: positive.default(defaultPolicy.logMaxBytes),
  ERRAND_KEEP_DAYS: positive.default(defaultPolicy.keepRecordsMs / 86_400_000),
  ...webhookVariables,
  ERRAND_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  AZURE_FUNCTIONS_ENVIRONMENT: z.string().optional(),
});

/** Reads the configuration of Errand on Azure. Throws `invalidConfiguration` naming every setting that is wrong or missing. */
export function azureConfig(from: Environment): AzureConfig {
  const given = Object.fromEntries(azureNames.map((name) => [name, settingOf(from, name)]));
  const parsed = variables.safeParse(given);
  if (!parsed.success)
    throw invalid(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  const set = parsed.data;
  const missing: string[] = [];
  const required = (value: string | undefined, what: string): string => {
    if (value === undefined) missing.push(what);
    return value ?? '';
  };
  const isAci = set.ERRAND_DRIVER === 'azure-container-instances';
  const storage = azureStorageConfig(from, missing);
  const defaultIdentity = set.ERRAND_DEFAULT_IDENTITY;
  const subscriptionId = set.ERRAND_SUBSCRIPTION_ID ?? subscriptionIn(defaultIdentity, from['WEBSITE_OWNER_NAME']);
  const config: AzureConfig = {
    storage,
    driver: set.ERRAND_DRIVER,
    subscriptionId: isAci
      ? required(subscriptionId, 'ERRAND_SUBSCRIPTION_ID ("az account show --query id")')
      : (subscriptionId ?? ''),
    resourceGroup: isAci
      ? required(set.ERRAND_RESOURCE_GROUP, 'ERRAND_RESOURCE_GROUP, the resource group of the runs')
      : (set.ERRAND_RESOURCE_GROUP ?? ''),
    places: placesOf(set.ERRAND_REGIONS),
    armEndpoint: set.ERRAND_ARM_ENDPOINT,
    identities: unique([...set.ERRAND_IDENTITIES, ...(defaultIdentity === undefined ? [] : [defaultIdentity])]),
    defaultIdentity,
    registries: set.ERRAND_REGISTRIES.map((entry) => {
      const [server, identity] = pair(entry, 'ERRAND_REGISTRIES', 'registry.azurecr.io=<resource id of an identity>');
      return { server, identity };
    }),
    subnetId: set.ERRAND_SUBNET_ID,
    logAnalytics: logAnalyticsOf(set.ERRAND_LOG_ANALYTICS_ID, set.ERRAND_LOG_ANALYTICS_KEY),
    priority: set.ERRAND_PRIORITY,
    tags: Object.fromEntries(set.ERRAND_TAGS.map((entry) => pair(entry, 'ERRAND_TAGS', 'name=value'))),
    namePrefix: set.ERRAND_NAME_PREFIX,
    containerNamePrefix: set.ERRAND_CONTAINER_NAME_PREFIX,
    clientId: set.ERRAND_CLIENT_ID,
    secretKey: set.ERRAND_SECRET_KEY === undefined ? undefined : Buffer.from(set.ERRAND_SECRET_KEY, 'base64'),
    secretSources: {
      environment: Object.fromEntries(
        Object.entries(from).flatMap(([name, value]) =>
          name.startsWith('ERRAND_SECRET_') && name !== 'ERRAND_SECRET_KEY' && value !== undefined
            ? [[name, value]]
            : [],
        ),
      ),
    },
    apiKeys: set.ERRAND_API_KEYS,
    entra: entraOf(set),
    authLevel: set.ERRAND_AUTH_LEVEL,
    functionKeyScopes: scopesOf(set.ERRAND_FUNCTION_KEY_SCOPES),
    development: set.AZURE_FUNCTIONS_ENVIRONMENT === 'Development',
    webhooks: webhookRules(set),
    policy: {
      ...defaultPolicy,
      // Each look is paid for, and results come as events.
      safetyLookMs: 60_000,
      sweepEveryMs: 300_000,
      logMaxBytes: set.ERRAND_LOG_MAX_BYTES,
      keepRecordsMs: set.ERRAND_KEEP_DAYS * 86_400_000,
    },
    prices: set.ERRAND_PRICES_FILE === undefined ? listPrices : readPrices(set.ERRAND_PRICES_FILE),
    logLevel: set.ERRAND_LOG_LEVEL,
  };
  if (missing.length > 0)
    throw new ErrandError(
      'invalidConfiguration',
      `these settings are missing: ${missing.join('; ')}. docs/configuration.md lists them all`,
    );
  return config;
}

/** `westus`, or with its quota: `westus:100:100` (container groups, cores). */
function placesOf(entries: readonly string[]): [AzurePlace, ...AzurePlace[]] {
  const places = entries.map((entry): AzurePlace => {
    const [, region = '', runners, cpu] =
      /^([a-z][a-z0-9 ]*)(?::([1-9]\d{0,5}))?(?::([1-9]\d{0,5}))?$/i.exec(entry) ?? [];
    if (region === '') throw invalid(`ERRAND_REGIONS: ${JSON.stringify(entry)} is not like westus, or westus:100:100`);
    return {
      region,
      ...(runners === undefined ? {} : { runners: Number(runners) }),
      ...(cpu === undefined ? {} : { cpu: Number(cpu) }),
    };
  });
  const [first = { region: 'West US' }, ...others] = places;
  return [first, ...others];
}

function entraOf(set: z.output<typeof variables>): EntraConfig | undefined {
  const { ERRAND_ENTRA_TENANT_ID: tenantId, ERRAND_ENTRA_AUDIENCE: audience, ERRAND_ENTRA_CLIENTS: clients } = set;
  if (tenantId === undefined && audience === undefined) return undefined;
  if (tenantId === undefined || audience === undefined)
    throw invalid('ERRAND_ENTRA_TENANT_ID and ERRAND_ENTRA_AUDIENCE go together');
  return {
    tenantId,
    audience,
    jwksUrl: set.ERRAND_ENTRA_JWKS_URL ?? `https://login.microsoftonline.com/${tenantId}/discovery/v2.0/keys`,
    clients: clients.length === 0 ? undefined : clients,
  };
}

function scopesOf(names: readonly string[]): readonly Scope[] {
  if (names.length === 0) return scopes;
  return names.map((name) => {
    const scope = scopes.find((each) => each === name);
    if (scope === undefined)
      throw invalid(`ERRAND_FUNCTION_KEY_SCOPES: there is no scope ${name} (${scopes.join(', ')})`);
    return scope;
  });
}

function logAnalyticsOf(
  workspaceId: string | undefined,
  workspaceKey: string | undefined,
): AzureConfig['logAnalytics'] {
  if (workspaceId === undefined && workspaceKey === undefined) return undefined;
  if (workspaceId === undefined || workspaceKey === undefined)
    throw invalid('ERRAND_LOG_ANALYTICS_ID and ERRAND_LOG_ANALYTICS_KEY go together');
  return { workspaceId, workspaceKey };
}

function readPrices(file: string): PriceList {
  try {
    return priceListSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new ErrandError(
      'invalidConfiguration',
      `ERRAND_PRICES_FILE names ${file}, which is no price list: docs/cost.md shows one`,
      { cause },
    );
  }
}

/** The published configuration names no subscription: that of the identity is the one meant, else that of the function app. */
function subscriptionIn(identity: string | undefined, owner: string | undefined): string | undefined {
  return /^\/subscriptions\/([^/]+)\//i.exec(identity ?? '')?.[1] ?? /^([0-9a-f-]{36})\+/i.exec(owner ?? '')?.[1];
}

function pair(entry: string, name: string, form: string): [string, string] {
  const at = entry.indexOf('=');
  if (at < 1 || at === entry.length - 1) throw invalid(`${name}: ${JSON.stringify(entry)} is not like ${form}`);
  return [entry.slice(0, at), entry.slice(at + 1)];
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

function invalid(why: string): ErrandError {
  return new ErrandError(
    'invalidConfiguration',
    `these settings are not valid: ${why}. docs/configuration.md lists them all`,
  );
}
