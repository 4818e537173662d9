import { mkdir, watch } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../core/logger.ts';
import { readLabels } from './process-state.ts';
import { endedDirectory } from './process-wrapper.ts';

export interface ProcessWatchOptions {
  directory: string;
  instanceId: string;
  signal: AbortSignal;
  logger: Logger;
}

/** Yields the run of every runner whose wrapper marks its end, whichever orchestrator started it: one watch of one directory for all. */
export async function* endedProcesses({
  directory,
  instanceId,
  signal,
  logger,
}: ProcessWatchOptions): AsyncGenerator<{ runId: string }> {
  const ended = join(directory, endedDirectory);
  try {
    // The watch begins before the first runner does.
    await mkdir(ended, { recursive: true, mode: 0o700 });
    for await (const { filename } of watch(ended, { signal })) {
      if (filename === null) continue;
      const labels = await readLabels(join(directory, filename));
      if (labels !== undefined && labels !== 'foreign' && labels.instance === instanceId) yield { runId: labels.run };
    }
  } catch (error) {
    if (signal.aborted) return;
    logger.warn({ err: error }, `The end of processes cannot be watched in ${directory}: results are noticed later`);
    await aborted(signal);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) return;
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
