import type { EngineProcess } from './engine.ts';
import type { EventRecord } from './event-record.ts';
import type { GroupSpec } from './group-spec.ts';
import type { IssuedIdentity } from './metadata-endpoint.ts';

export interface ContainerState {
  readonly state: 'Waiting' | 'Running' | 'Terminated';
  readonly startTime?: string;
  readonly exitCode?: number;
  readonly finishTime?: string;
  readonly detailStatus: string;
}

export interface Logs {
  readonly plain: Buffer;
  readonly stamped: Buffer;
}

export interface ContainerStatus {
  /** 1 for the first start. */
  starts: number;
  restartCount: number;
  currentState: ContainerState;
  previousState: ContainerState | undefined;
  events: EventRecord[];
  process: EngineProcess | undefined;
  /** Of a container that has ended, cut as the service cuts it. */
  lastLog: Logs | undefined;
}

export type ProvisioningState = 'Pending' | 'Creating' | 'Succeeded' | 'Failed' | 'Canceled';
export type GroupState = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Stopped';

/** One container group as the emulator keeps it. */
export interface Group {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
  /** Normalised, as `westus`. */
  readonly region: string;
  readonly systemIdentity: IssuedIdentity;
  spec: GroupSpec;
  identities: readonly IssuedIdentity[];
  provisioningState: ProvisioningState;
  state: GroupState;
  events: EventRecord[];
  /** By container name; empty until the platform has taken the group up. */
  readonly containers: Map<string, ContainerStatus>;
  deployment: Deployment | undefined;
  /** While its DELETE is being carried out. */
  deleting: boolean;
}

/** The work on a group from Pending to the end of its last container. */
export interface Deployment {
  /** Until the group has started, failed to, or was given up. */
  readonly changing: boolean;
  /** Ends the containers and removes them. Resolves when they are gone. */
  end(graceMs: number): Promise<void>;
}

export function groupId({
  subscription,
  resourceGroup,
  name,
}: Pick<Group, 'subscription' | 'resourceGroup' | 'name'>): string {
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerInstance/containerGroups/${name}`;
}

export function hasEnded({ state }: Group): boolean {
  return state === 'Succeeded' || state === 'Failed' || state === 'Stopped';
}
