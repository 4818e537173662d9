import { runIdPattern } from '../contract/names.ts';
import type { Clock } from '../core/clock.ts';
import { silentLogger, type Logger } from '../core/logger.ts';
import type { ArtifactStore, FileFolder } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { accountPlace, blobAccount, type BlobConnection } from './azure-blob-account.ts';
import { blobContainer } from './azure-blob-container.ts';
import { blobError } from './azure-blob-errors.ts';
import { blobSigner } from './azure-blob-signer.ts';
import { azureExchange } from './azure-exchange.ts';
import { exchangesFolder, runFolder } from './azure-exchange-names.ts';
import { azureTaskFiles, versionsFolder } from './azure-task-files.ts';

export interface AzureBlobsOptions {
  connection: BlobConnection;
  /** Blob container of definitions and executables. */
  tasksContainer?: string;
  /** Blob container of everything that belongs to runs. */
  exchangesContainer?: string;
  /** Address of the blob service as runners see it, where it differs from ours; with the account in its path where ours has it there. */
  runnerEndpoint?: string | undefined;
  clock: Clock;
  logger?: Logger;
  /** The first pause between looks at an exchange that is watched, in milliseconds; it grows to ten times as much. */
  pollMs?: number;
  /** False: whoever watches is told nothing. For hosts that end between requests and are woken by events. */
  watch?: boolean;
}

/** Removed last, so that a removal that was interrupted leaves them, and with them the run in the listing. */
const marks = /\/(?:opened|discarded|fence)$/;
const removedAtOnce = 8;

/** Files in Azure Blob storage; runners meet us there, by signed URLs. Loads the SDK when first used. */
export function azureBlobs(options: AzureBlobsOptions): ArtifactStore {
  const { clock, logger = silentLogger, pollMs = 1_000, watch = true } = options;
  const account = blobAccount(options.connection);
  const place = accountPlace(options.connection);
  const tasks = blobContainer(account, options.tasksContainer ?? 'tasks');
  const exchanges = blobContainer(account, options.exchangesContainer ?? 'errand');
  const signer = blobSigner({ account, runnerEndpoint: options.runnerEndpoint, clock });
  const files = azureTaskFiles(tasks);
  const versions = azureTaskFiles(tasks, versionsFolder);

  async function guard<T>(work: () => Promise<T>, { signal }: Cancelable = {}): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw inOurWords(error, signal);
    }
  }

  async function* guarded<T>(items: () => AsyncIterable<T>, { signal }: Cancelable = {}): AsyncGenerator<T, void> {
    signal?.throwIfAborted();
    try {
      yield* items();
    } catch (error) {
      throw inOurWords(error, signal);
    }
  }

  function inOurWords(error: unknown, signal: AbortSignal | undefined): unknown {
    return signal?.aborted ? signal.reason : blobError(error, place);
  }

  const guardedFolder = (folder: FileFolder): FileFolder => ({
    get: (name, given) => guard(() => folder.get(name, given), given),
    describe: (name, given) => guard(() => folder.describe(name, given), given),
    put: (name, body, given) => guard(() => folder.put(name, body, given), given),
    delete: (name, given) => guard(() => folder.delete(name, given), given),
    list: (given) => guarded(() => folder.list(given), given),
  });

  return {
    ...guardedFolder(files),
    versions: guardedFolder(versions),

    exchange: (ref) =>
      azureExchange(ref, {
        tasks,
        exchanges,
        files,
        versions,
        signer,
        clock,
        logger,
        pollMs: watch ? pollMs : undefined,
        guard,
      }),

    deleteRun: (runId, given) =>
      guard(async () => {
        const names: string[] = [];
        for await (const { name } of exchanges.list(runFolder(runId), { flat: true, ...given })) names.push(name);
        const ordered = names.toSorted((a, b) => Number(marks.test(a)) - Number(marks.test(b)));
        for (let at = 0; at < ordered.length; at += removedAtOnce)
          await Promise.all(ordered.slice(at, at + removedAtOnce).map((name) => exchanges.remove(name, given)));
      }, given),

    listRuns: (given) =>
      guarded(async function* () {
        for await (const id of exchanges.folders(exchangesFolder, given)) if (runIdPattern.test(id)) yield id;
      }, given),

    check: (given) =>
      guard(async () => {
        await Promise.all([
          tasks.ensure(given),
          exchanges.put('check', 'Errand may write here.\n', given),
          signer.check(given),
        ]);
      }, given),
  };
}
