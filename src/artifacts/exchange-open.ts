import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttemptRef, ExchangePlan, RunnerAccess } from '../core/ports/artifact-store.ts';
import { mountedExecutable, ticketText } from '../core/ticket.ts';
import { createFile, replaceFile } from './durable-file.ts';
import { isThere } from './exchange-fence.ts';
import type { ExchangePaths } from './exchange-paths.ts';
import type { ExecutableCache } from './executable-cache.ts';
import { errnoOf } from './file-errors.ts';
import { readFlat } from './flat-file.ts';
import { logMarkBytes } from './log-facts.ts';
import { removeTree } from './remove-tree.ts';

const defaultLogBytes = 64 * 1024 * 1024;

/**
 * Making the box is what decides between creators: mkdir(2) fails where it was opened or fenced before. The mark of `discard` is looked for
 * once the box is there: whoever discards sets the mark first and removes the box then, so one of the two sees the other.
 */
export async function openExchange(
  ref: AttemptRef,
  paths: ExchangePaths,
  plan: ExchangePlan,
  {
    cache,
    onHost,
    signal,
  }: { cache: ExecutableCache; onHost: (path: string) => string; signal?: AbortSignal | undefined },
): Promise<RunnerAccess> {
  const executable = await cache.provide(plan.executable, { signal });
  const isMounted = plan.view === 'mounted';
  const ticket = ticketText(
    ref,
    plan,
    isMounted ? mountedExecutable(plan.executable.name) : join(executable, plan.executable.name),
  );
  await mkdir(paths.attempt, { recursive: true, mode: 0o700 });
  try {
    await mkdir(paths.box);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw new Error(
      `attempt ${ref.attempt} of run ${ref.runId} was opened or fenced before; nothing is started under it again`,
      { cause: error },
    );
  }
  if (await isThere(paths.discarded)) {
    await removeTree(paths.box, { signal });
    throw new Error(
      `attempt ${ref.attempt} of run ${ref.runId} was given up before; nothing is started under it again`,
    );
  }
  await replaceFile(paths.plan, JSON.stringify({ logMaxBytes: plan.logMaxBytes }), 0o600);
  // Whatever user the image has must be able to read the ticket and remove it; that nobody else can is the doing of the 0700 directory above.
  await chmod(paths.box, 0o777);
  await createFile(join(paths.box, 'ticket'), ticket, 0o444, paths.attempt);
  return isMounted
    ? { kind: 'directory', exchange: onHost(paths.box), executable: onHost(executable) }
    : { kind: 'directory', exchange: paths.box, executable };
}

/** The most that a log of this attempt can have, mark included. */
export async function logLimit(paths: ExchangePaths): Promise<number> {
  const file = await readFlat(paths.plan, 4096);
  if (file.kind !== 'read') return defaultLogBytes + logMarkBytes;
  const plan: unknown = JSON.parse(file.bytes.toString());
  const cap =
    typeof plan === 'object' && plan !== null && 'logMaxBytes' in plan ? Number(plan.logMaxBytes) : defaultLogBytes;
  return cap + logMarkBytes;
}
