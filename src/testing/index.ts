/** One suite for each port, which each of its drivers passes. A driver's own test hands in vitest and a way to make one. */
export { artifactStoreConformance } from './artifact-store-conformance.ts';
export { runnerDriverConformance, type RunnerDriverHarness } from './runner-driver-conformance.ts';
export { type ArtifactStoreHarness, type RunnerHands } from './sample-exchange.ts';
export { storageConformance, type StorageHarness } from './storage-conformance.ts';
export type { PropertyTestApi, TestApi } from './test-api.ts';
export { workQueueConformance, type WorkQueueHarness } from './work-queue-conformance.ts';
