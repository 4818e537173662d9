import type Docker from 'dockerode';

import type { Client } from '../../../src/client/client.ts';
import type { Evidence } from '../../promise/evidence.ts';
import type { OrchestratorProcess } from './orchestrator-process.ts';
import type { Tally } from './tally.ts';

export type PlaceName = 'docker' | 'container groups';

/** Somewhere that tasks are run: a door, and what can be seen of it from outside. */
export interface Place {
  name: PlaceName;
  client: Client;
  orchestrator: OrchestratorProcess;
  tally: Tally;
  docker: Docker;
  image: string;
  leastMemoryInGB: number;
  /** Ids of the container that a runner of this name is in, and of the one that has its network. */
  find(runner: string): Promise<{ own: string; network: string } | undefined>;
  /** What is of the orchestrator alone. */
  secret: string;
  /** Directory of the orchestrator's own files, where it has one. */
  directory: string | undefined;
  /** After the orchestrator was stopped: what it has left. */
  evidence(): Promise<Pick<Evidence, 'storage' | 'artifacts' | 'left'> & { close(): Promise<void> }>;
  close(): Promise<void>;
}

/** Changes the engine's request for a container. */
export type Loosen = (request: Docker.ContainerCreateOptions, name: string) => void;

/** All secrets of these tests begin so; 24 hexadecimal digits follow. */
export const secretPrefix = 'canary';
