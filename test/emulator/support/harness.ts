import { ContainerInstanceManagementClient } from '@azure/arm-containerinstance';
import type { ContainerGroup } from '@azure/arm-containerinstance';
import { onTestFinished } from 'vitest';

import { startEmulator } from '../../../emulator/server.ts';
import type { Emulator, EmulatorOptions } from '../../../emulator/server.ts';

export const subscription = '00000000-0000-0000-0000-000000000000';
export const resourceGroup = 'rg-runs';
/** As in `Microsoft.ManagedIdentity`. */
export const identityId = `/subscriptions/${subscription}/resourceGroups/rg-ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/task`;

/** Looks like a token of Entra ID, as far as anything here looks. */
export function tokenLike(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ aud: 'https://management.azure.com' })}.c2lnbmF0dXJl`;
}

/** The unmodified SDK. Nothing of it retries. */
export function clientOf(
  { url, ca }: Pick<Emulator, 'url' | 'ca'>,
  token = tokenLike(),
): ContainerInstanceManagementClient {
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const client = new ContainerInstanceManagementClient(credential, subscription, {
    endpoint: url,
    retryOptions: { maxRetries: 0 },
    ...(ca === undefined ? { allowInsecureConnection: true } : { tlsOptions: { ca } }),
  });
  // The policy refuses to send a token over http.
  if (ca === undefined) client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
  return client;
}

export interface Rig {
  readonly emulator: Emulator;
  readonly client: ContainerInstanceManagementClient;
}

/** An emulator for one test, a hundred times as fast as the real service unless told otherwise. */
export async function rig(options: EmulatorOptions = {}): Promise<Rig> {
  const emulator = await startEmulator({ ...(options.clock === undefined ? { factor: 100 } : {}), ...options });
  onTestFinished(() => emulator.close());
  return { emulator, client: clientOf(emulator) };
}

/** The group that a task needs; `changes` are merged over its parts. */
export function group(
  changes: Partial<ContainerGroup> = {},
  container: Partial<ContainerGroup['containers'][0]> = {},
): ContainerGroup {
  return {
    location: 'westus',
    osType: 'Linux',
    restartPolicy: 'Never',
    containers: [
      { name: 'task', image: 'errand-minimal:local', resources: { requests: { cpu: 1, memoryInGB: 1 } }, ...container },
    ],
    ...changes,
  };
}

/** Creates a group, and waits for the operation to end. */
export function create({ client }: Rig, name: string, body: ContainerGroup = group()): Promise<ContainerGroup> {
  return client.containerGroups.beginCreateOrUpdateAndWait(resourceGroup, name, body, { updateIntervalInMs: 10 });
}

/** Asks until the group is as wanted, for 20 s at most. */
export async function until(
  { client }: Rig,
  name: string,
  wanted: (found: ContainerGroup) => boolean,
): Promise<ContainerGroup> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await client.containerGroups.get(resourceGroup, name);
    if (wanted(found)) return found;
    if (Date.now() > end)
      throw new Error(`The group ${name} is still ${JSON.stringify(found.instanceView)} after 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function ended({ instanceView }: ContainerGroup): boolean {
  return ['Succeeded', 'Failed', 'Stopped'].includes(instanceView?.state ?? '');
}

/** What a refused request was answered with. */
export async function refusal(
  request: Promise<unknown>,
): Promise<{ status?: number; code?: string; message: string; retryAfter?: string }> {
  try {
    await request;
  } catch (error) {
    const { statusCode, code, message, response } = error as {
      statusCode?: number;
      code?: string;
      message: string;
      response?: { headers: { get(name: string): string | undefined } };
    };
    const retryAfter = response?.headers.get('retry-after');
    return {
      message,
      ...(statusCode === undefined ? {} : { status: statusCode }),
      ...(code === undefined ? {} : { code }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
    };
  }
  throw new Error('The request was not refused');
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** A request without the SDK, to see what is really on the wire. `path` begins below the resource group. */
export async function raw(
  { url }: Pick<Emulator, 'url'>,
  method: string,
  path: string,
  body?: object,
  version = '2021-10-01',
): Promise<RawAnswer> {
  const base = path.startsWith('/')
    ? ''
    : `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerInstance/`;
  const response = await fetch(`${url}${base}${path}?api-version=${version}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}
