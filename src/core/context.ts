import type { PriceList } from '../contract/cost.ts';
import type { ReadSecret } from './environment.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Policy } from './policy.ts';
import type { ArtifactStore } from './ports/artifact-store.ts';
import type { RunnerDriver } from './ports/runner-driver.ts';
import type { Storage } from './ports/storage.ts';
import type { WebhookSender } from './ports/webhook-sender.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type { Sealer } from './seal.ts';
import type { WebhookRules } from './webhook-target.ts';

/** What the core works with. Put together in `entry/compose.ts`; a test puts together its own. */
export interface Context {
  storage: Storage;
  artifacts: ArtifactStore;
  queue: WorkQueue;
  driver: RunnerDriver;
  clock: Clock;
  logger: Logger;
  policy: Policy;
  /** Of the platform that runs are started on; undefined where they cost nothing. */
  prices?: PriceList | undefined;
  sealer: Sealer;
  /** Of what definitions name with `valueFrom`. */
  readSecret: ReadSecret;
  webhooks: { sender: WebhookSender; rules: WebhookRules };
  /** Of this installation; see `Storage.instanceId`. */
  instanceId: string;
  /** Of this process: names the holder of a lease. */
  owner: string;
  /** Start of every container's name: lower-case letters, digits, inner hyphens. */
  namePrefix: string;
  /** A new id that sorts by time: a ULID in lower case. */
  newId(): string;
  /** In [0, 1). */
  random(): number;
}

/** Unique for ever, and valid as a name on every platform: lower-case letters, digits, inner hyphens, at most 63 characters. */
export function containerName(prefix: string, runId: string, attempt: number): string {
  return `${prefix}-${runId}-${attempt}`;
}
