import type { Readable } from 'node:stream';
import { rest, type Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { runnerLabels } from './docker-container-options.ts';
import type { DockerEngine } from './docker-engine.ts';
import { jsonLines } from './docker-json-lines.ts';

export interface EventOptions {
  instanceId: string;
  signal: AbortSignal;
  clock: Clock;
  logger: Logger;
}

const firstWaitMs = 500;
const longestWaitMs = 30_000;

/**
 * Yields the run of every container that ends. The stream is opened again whenever it breaks; what ended in between is read from the
 * list of containers, since the engine keeps few old events, and none over a restart of its own.
 */
export async function* endedRuns(engine: DockerEngine, options: EventOptions): AsyncGenerator<{ runId: string }> {
  const { signal, clock, logger } = options;
  let waitMs = firstWaitMs;
  let broken = false;
  while (!signal.aborted) {
    try {
      const events = await openEvents(engine, options);
      if (broken) yield* alreadyEnded(engine, options);
      broken = false;
      for await (const runId of readEvents(events, signal)) {
        waitMs = firstWaitMs;
        yield { runId };
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error }, `Docker's events cannot be read; trying again in ${waitMs} ms`);
    }
    broken = true;
    await rest(clock, waitMs, signal);
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }
}

async function openEvents(engine: DockerEngine, { instanceId, signal }: EventOptions): Promise<Readable> {
  const stream = await engine.call('report what containers do', { signal }, async (docker, abortSignal) =>
    docker.getEvents({
      filters: { type: ['container'], event: ['die'], label: [`${runnerLabels.instance}=${instanceId}`] },
      abortSignal,
    }),
  );
  return stream as Readable;
}

async function* readEvents(stream: Readable, signal: AbortSignal): AsyncGenerator<string> {
  const destroy = (): void => void stream.destroy();
  signal.addEventListener('abort', destroy, { once: true });
  try {
    for await (const event of jsonLines(stream)) {
      const runId = runOf(event);
      if (runId !== undefined) yield runId;
    }
  } finally {
    signal.removeEventListener('abort', destroy);
    stream.destroy();
  }
}

function runOf(event: { Actor?: { Attributes?: Record<string, string> } }): string | undefined {
  return event.Actor?.Attributes?.[runnerLabels.run];
}

async function* alreadyEnded(
  engine: DockerEngine,
  { instanceId, signal }: EventOptions,
): AsyncGenerator<{ runId: string }> {
  const ended = await engine.call('list ended containers', { signal }, async (docker, abortSignal) =>
    docker.listContainers({
      all: true,
      filters: { status: ['exited', 'dead'], label: [`${runnerLabels.instance}=${instanceId}`] },
      abortSignal,
    }),
  );
  for (const { Labels } of ended) {
    const runId = Labels[runnerLabels.run];
    if (runId !== undefined) yield { runId };
  }
}
