import type { VariantName } from './variants.ts';

/** What a server of the harness is told. */
export interface Setting {
  /** Errand's data directory. */
  data: string;
  /** Where the harness keeps what it counts by itself. */
  notes: string;
  driver: 'process' | 'docker';
  /** DOCKER_HOST; empty with processes. */
  dockerHost: string;
  /** A deliberately broken Errand: a scenario that does not catch it proves nothing. */
  variant?: VariantName | undefined;
}

/** Files below {@link Setting.notes}. */
export const noteFiles = {
  /** A line for each time that user code began or ended, written by the user code. */
  executions: 'tally/executions',
  /** A line for each write of a record that the storage has confirmed. */
  history: 'history',
  /** What the servers had to say. */
  log: 'log',
} as const;

/** What a server says to who started it. */
export type FromServer = { type: 'ready'; url: string } | { type: 'stepped' };

/** Sets its clock forward by so much, or back. */
export interface ToServer {
  stepMs: number;
}
