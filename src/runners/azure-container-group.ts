import type { ContainerGroup, EnvironmentVariable } from '@azure/arm-containerinstance';
import { StartRefused, type RunnerSpec } from '../core/ports/runner-driver.ts';
import type { Instant } from '../core/run-record.ts';
import type { ContainerGroupSettings } from './azure-settings.ts';

/** Tags that tell our container groups from all others, and whose they are. Names of tags may not contain `< > % & \ ? /`. */
export const runnerTags = {
  run: 'errand-run',
  attempt: 'errand-attempt',
  instance: 'errand-instance',
  task: 'errand-task',
  /** When the group was asked for: lists do not say when it came to be. */
  created: 'errand-created',
} as const;

/** The script comes as a file of its own directory, since a mount hides what the image has there. */
export const scriptDirectory = '/errand-runner';
export const scriptName = 'script-runner.sh';

const scriptVolume = 'errand-runner';

/**
 * The request that creates the container group of one attempt: one container, Linux, started once, no port, no volume but the runner script. Signed URLs
 * and secrets are in `secureValue`, which Azure never shows again. Throws {@link StartRefused} for what the platform cannot give, or may not.
 */
export function toContainerGroup(
  spec: RunnerSpec,
  settings: ContainerGroupSettings,
  createdAt: Instant,
): ContainerGroup {
  refuseUnsupported(spec);
  const identity = taskIdentity(spec, settings);
  const registry = registryOf(spec.image, settings);
  const identities = [...new Set([identity, registry?.identity].filter((id) => id !== undefined))];
  return {
    location: spec.place,
    tags: {
      ...settings.tags,
      [runnerTags.run]: spec.runId,
      [runnerTags.attempt]: String(spec.attempt),
      [runnerTags.instance]: spec.instanceId,
      [runnerTags.task]: spec.taskName,
      [runnerTags.created]: createdAt,
    },
    ...(identities.length === 0
      ? {}
      : {
          identity: {
            type: 'UserAssigned',
            userAssignedIdentities: Object.fromEntries(identities.map((id) => [id, {}])),
          },
        }),
    osType: 'Linux',
    restartPolicy: 'Never',
    sku: 'Standard',
    ...(settings.priority === 'Spot' ? { priority: 'Spot' } : {}),
    containers: [
      {
        name: `${settings.containerNamePrefix ?? ''}runner`,
        image: spec.image,
        command: ['/bin/sh', `${scriptDirectory}/${scriptName}`],
        environmentVariables: environment(spec, identity !== undefined),
        resources: { requests: { cpu: spec.resources.cpu, memoryInGB: spec.resources.memoryInGB } },
        volumeMounts: [{ name: scriptVolume, mountPath: scriptDirectory, readOnly: true }],
      },
    ],
    volumes: [
      { name: scriptVolume, secret: { [scriptName]: Buffer.from(settings.script, 'utf8').toString('base64') } },
    ],
    ...(registry === undefined
      ? {}
      : { imageRegistryCredentials: [{ server: registry.server, identity: registry.identity }] }),
    ...(settings.subnetId === undefined ? {} : { subnetIds: [{ id: settings.subnetId }] }),
    ...(settings.logAnalytics === undefined ? {} : { diagnostics: { logAnalytics: { ...settings.logAnalytics } } }),
  };
}

function environment({ access }: RunnerSpec, hasIdentity: boolean): EnvironmentVariable[] {
  if (access.kind !== 'signedUrls')
    throw new StartRefused(
      'startError',
      'A container group cannot share a directory with Errand: keep files in Blob storage.',
      { permanent: true },
    );
  // The runner waits for a token wherever there is an identity, also where it is the installation's and not the definition's.
  const secure = { ...access.secure, ...(hasIdentity ? { ERRAND_IDENTITY: '1' } : {}) };
  return [
    ...Object.entries(access.plain)
      .filter(([name]) => !Object.hasOwn(secure, name))
      .map(([name, value]) => ({ name, value })),
    ...Object.entries(secure).map(([name, secureValue]) => ({ name, secureValue })),
  ];
}

/** What a task acts as is the installation's to allow: whoever may push a definition must not choose among all identities. */
function taskIdentity({ identity }: RunnerSpec, settings: ContainerGroupSettings): string | undefined {
  if (identity === undefined) return settings.defaultIdentity;
  const allowed = settings.identities.find((id) => id.toLowerCase() === identity.toLowerCase());
  if (allowed !== undefined) return allowed;
  throw new StartRefused(
    'startError',
    `The identity ${identity} is not one that tasks may act as here: have it added to the allowed identities, or name another.`,
    { permanent: true },
  );
}

function registryOf(
  image: string,
  { registries }: ContainerGroupSettings,
): ContainerGroupSettings['registries'][number] | undefined {
  const host = image.split('/', 1)[0]?.toLowerCase();
  return registries.find(({ server }) => server.toLowerCase() === host);
}

/** A wish for less than the image has is never left out in silence. */
function refuseUnsupported({ container }: RunnerSpec): void {
  const unsupported = [
    ...(container.user === undefined ? [] : ['container.user']),
    ...(container.readOnlyRoot ? ['container.readOnlyRoot'] : []),
    ...(container.capabilities.length === 0 ? [] : ['container.capabilities']),
    ...(container.network === 'default' ? [] : ['container.network']),
  ];
  if (unsupported.length === 0) return;
  throw new StartRefused(
    'startError',
    `Container Instances cannot give ${unsupported.join(', ')}: leave it out of the definition, or run the task with Docker.`,
    { permanent: true },
  );
}
