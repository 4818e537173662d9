import { appendFileSync, linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant, type Clock } from '../../src/core/clock.ts';
import type { ArtifactStore } from '../../src/core/ports/artifact-store.ts';
import type { RunnerResult } from '../../src/core/runner-result.ts';

/** In the place of the signed URLs. */
const exchangeVariable = 'EXCHANGE_DIRECTORY';

/** A store of directories that hands them out as it would signed URLs, for a platform whose "runners" are functions of this process. */
export function signedFiles(store: ArtifactStore): ArtifactStore {
  return {
    ...store,
    exchange: (ref) => {
      const exchange = store.exchange(ref);
      return {
        ...exchange,
        open: async (plan, options) => {
          const access = await exchange.open(plan, options);
          if (access.kind !== 'directory') throw new TypeError('only a store of directories can be wrapped');
          return { kind: 'signedUrls', plain: {}, secure: { [exchangeVariable]: access.exchange } };
        },
      };
    },
  };
}

const log = 'done\n';

/** What a runner does: takes the fence, and leaves log and result after `runMs`. Ends at once where somebody has the fence. */
export async function playRunner(
  environment: Readonly<Record<string, string>>,
  { clock, runMs, nonce, signal }: { clock: Clock; runMs: number; nonce: string; signal: AbortSignal },
): Promise<void> {
  const box = environment[exchangeVariable];
  if (box === undefined) throw new Error('the runner was not told where its exchange is');
  const fenced = instant(clock.now());
  if (!createOnly(box, 'fence', `${JSON.stringify({ version: 1, by: 'runner', nonce, at: fenced })}\n`)) return;
  await clock.sleep(runMs, { signal });
  appendFileSync(join(box, 'log'), log);
  const ended = instant(clock.now());
  const result: RunnerResult = {
    version: 1,
    nonce,
    started: true,
    exitCode: 0,
    signal: null,
    timedOut: false,
    stopped: false,
    oomKilled: false,
    times: { booted: fenced, fenced, ended },
    durationMs: { fetch: 0, run: runMs },
    log: { bytes: log.length, lines: 1, droppedBytes: 0, complete: true },
    output: false,
    files: [],
    skippedFiles: 0,
  };
  createOnly(box, 'result.json', JSON.stringify(result));
}

/** Whole from its first moment, and only if nothing has the name. */
function createOnly(box: string, name: string, text: string): boolean {
  const draft = join(box, `.draft-${name}`);
  writeFileSync(draft, text);
  try {
    linkSync(draft, join(box, name));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
