import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Rate } from '../core/ports/storage.ts';
import type { TokenCredential } from '@azure/identity';

/** One region, with what its quota and its rates allow. What is left out is what a new subscription has. */
export interface AzurePlace {
  /** As Azure writes it for people or for machines: `West US`, `westus`. */
  region: string;
  /** Container groups at once; ended ones count until they are removed. Default: 100. */
  runners?: number;
  /** Cores of all of them together. Default: 100. */
  cpu?: number;
  /** Default: 300 in an hour and 100 in five minutes. */
  creates?: readonly Rate[];
  /** Default: as `creates`. */
  removals?: readonly Rate[];
}

/** Who asks, and where. Without a credential only an emulator on plain http can be asked. */
export type AzureConnection =
  | {
      credential: TokenCredential;
      /** Default: the public cloud. */
      endpoint?: string | undefined;
      /** Certificate (PEM) to trust besides the well-known ones. */
      ca?: string | undefined;
    }
  | { endpoint: string; allowInsecure: true };

/** In milliseconds. */
export interface AzureTimeouts {
  /** How long one request may take. Default: 30,000. */
  requestMs?: number;
  /** How long one DELETE may take, which answers when the group is gone. Default: 120,000. */
  deleteMs?: number;
  /** How long to go on asking for a group to be stopped or removed, before the caller is told to come back. Default: 180,000. */
  patienceMs?: number;
  /** How long to leave a group alone that says it is changing. Default: 10,000, the least that Azure asks for. */
  transitionMs?: number;
}

/** What Azure says of how many requests are left. */
export interface AzureRateLimit {
  method: string;
  /** The end of the header's name: `subscription-resource-requests-pt1h`, `subscription-reads`, … */
  limit: string;
  remaining: number;
}

/** What all container groups of an installation have in common. */
export interface ContainerGroupSettings {
  /** Content of `script-runner.sh`. */
  script: string;
  /** Resource ids of the user-assigned identities that definitions may name. */
  identities: readonly string[];
  /** The identity of runs whose definition names none. Default: none. */
  defaultIdentity?: string | undefined;
  /** Registries that are asked with an identity, which the group then has too. Others are asked without a login. */
  registries: readonly { server: string; identity: string }[];
  /** Resource id of a subnet that is delegated to Container Instances. Default: a public address for what goes out, and nothing that comes in. */
  subnetId?: string | undefined;
  logAnalytics?: { workspaceId: string; workspaceKey: string } | undefined;
  priority?: 'Regular' | 'Spot' | undefined;
  /** Besides Errand's own. */
  tags?: Readonly<Record<string, string>> | undefined;
  /** Start of the container's name; the rest is `runner`. */
  containerNamePrefix?: string | undefined;
}

export interface AzureContainerInstancesOptions extends Omit<ContainerGroupSettings, 'script'> {
  subscriptionId: string;
  /** Of the runs, and of nothing else. */
  resourceGroup: string;
  connection: AzureConnection;
  /** In order of preference. */
  places: readonly [AzurePlace, ...AzurePlace[]];
  /** Absolute path of `script-runner.sh`. */
  runnerScript: string;
  clock: Clock;
  logger: Logger;
  /** Between two looks at a group that is being stopped or removed. Default: 2,000. */
  pollMs?: number;
  timeouts?: AzureTimeouts;
  /** Called with every answer that tells how many requests are left. */
  onRateLimit?: (limit: AzureRateLimit) => void;
}
