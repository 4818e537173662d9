import { ErrandError } from '../contract/errors.ts';
import type { AttemptRef, ExchangePlan, FileFolder, RunnerAccess } from '../core/ports/artifact-store.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { BlobContainer } from './azure-blob-container.ts';
import type { BlobSigner } from './azure-blob-signer.ts';
import { fileSlots, type ExchangeNames } from './azure-exchange-names.ts';
import { versionsFolder } from './azure-task-files.ts';
import { logMarkBytes } from './log-facts.ts';

export interface OpenOptions {
  ref: AttemptRef;
  names: ExchangeNames;
  exchanges: BlobContainer;
  tasks: BlobContainer;
  files: FileFolder;
  versions: FileFolder;
  signer: BlobSigner;
}

const hour = 3_600;
/** As published: the executable can be read for one hour. A container that starts later than that has nothing to run. */
const executableSeconds = hour;
/** After the end of the task: five minutes for the log, as many for each output, ten for the result, and more for what nobody thought of. */
const leaveSeconds = 2 * hour;

/** In a log's metadata: the most that it can have, mark included. */
export const logLimitKey = 'limit';

/**
 * Creating the mark `opened` is what decides between creators. Fence and `discarded` are looked for once the mark is there, and whoever discards
 * sets that mark first: one of the two sees the other. A fence that comes later stops the runner itself.
 */
export async function openExchange(options: OpenOptions, plan: ExchangePlan, given: Cancelable): Promise<RunnerAccess> {
  const { exchanges, names, ref } = options;
  const source = await pinned(options, plan.executable, given);
  const again = (what: string): Error =>
    new Error(`attempt ${ref.attempt} of run ${ref.runId} was ${what} before; nothing is started under it again`);
  if (!(await exchanges.put(names.opened, '', { ifNoneMatch: '*', ...given }))) throw again('opened');
  const [fence, discarded] = await Promise.all([
    exchanges.head(names.fence, given),
    exchanges.head(names.discarded, given),
  ]);
  if (fence !== undefined) throw again('fenced');
  if (discarded !== undefined) throw again('given up');
  // Ours to make: with permission to append alone nobody brings the log back once it is gone.
  await exchanges.createLog(names.log, { [logLimitKey]: String(plan.logMaxBytes + logMarkBytes) }, given);
  return { kind: 'signedUrls', ...splitEnvironment(plan, await settings(options, plan, source, given)) };
}

/**
 * Where the executable is that the run was accepted with, and the ETag that it has there. What is kept comes first: the one beside the definition may be replaced by a push
 * while the container is still on its way, and the runner would find another.
 */
async function pinned(
  { tasks, files, versions }: OpenOptions,
  { name, sha256, etag, kept }: ExchangePlan['executable'],
  given: Cancelable,
): Promise<{ blob: string; etag: string }> {
  const ours = await versions.describe(kept, given);
  if (ours?.sha256 === sha256) return { blob: `${versionsFolder}${kept}`, etag: ours.etag };
  if (etag !== '' && (await tasks.head(name, given))?.etag === etag) return { blob: name, etag };
  const found = await files.describe(name, given);
  if (found?.sha256 === sha256) return { blob: name, etag: found.etag };
  const why = found === undefined ? 'it is not in the artifact store' : 'it was changed since the run was accepted';
  throw new ErrandError(
    'executableMissing',
    `The executable ${name} cannot be used: ${why}. Push the task again and start a new run.`,
  );
}

/** What the runner reads; docs/runner.md explains each. What would be empty is left out: not every platform takes empty values. */
async function settings(
  { ref, names, exchanges, tasks, signer }: OpenOptions,
  plan: ExchangePlan,
  source: { blob: string; etag: string },
  given: Cancelable,
): Promise<Record<string, string>> {
  const seconds = executableSeconds + plan.runSeconds + plan.graceSeconds + leaveSeconds;
  const ours = (name: string, permissions: 'rc' | 'a' | 'c'): Promise<string> =>
    signer.sign({ container: exchanges.name, name, permissions, seconds }, given);
  const { name, sha256 } = plan.executable;
  return {
    ERRAND_RUN_ID: ref.runId,
    ERRAND_ATTEMPT: String(ref.attempt),
    ERRAND_TASK: plan.taskName,
    ERRAND_SCRIPT_NAME: name,
    ERRAND_EXECUTABLE_URL: await signer.sign(
      { container: tasks.name, name: source.blob, permissions: 'r', seconds: executableSeconds },
      given,
    ),
    ERRAND_EXECUTABLE_ETAG: `"${source.etag}"`,
    ERRAND_EXECUTABLE_SHA256: sha256,
    ERRAND_FENCE_URL: await ours(names.fence, 'rc'),
    ERRAND_RESULT_URL: await ours(names.result, 'rc'),
    ERRAND_LOG_URL: await ours(names.log, 'a'),
    ERRAND_OUTPUT_URL: await ours(names.output, 'c'),
    ERRAND_FILE_URLS: (await Promise.all(fileSlots.map((slot) => ours(names.file(slot), 'c')))).join('\n'),
    ERRAND_RUN_SECONDS: String(plan.runSeconds),
    ERRAND_GRACE_SECONDS: String(plan.graceSeconds),
    ERRAND_LOG_MAX_BYTES: String(plan.logMaxBytes),
    ...(plan.secretNames.length === 0 ? {} : { ERRAND_SECRET_NAMES: plan.secretNames.join(' ') }),
    ...(plan.waitForIdentity ? { ERRAND_IDENTITY: '1' } : {}),
    ...(plan.allowUnfenced ? { ERRAND_ALLOW_UNFENCED: '1' } : {}),
  };
}

function splitEnvironment(
  plan: ExchangePlan,
  ours: Record<string, string>,
): { plain: Record<string, string>; secure: Record<string, string> } {
  const plain = Object.create(null) as Record<string, string>;
  const secure = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(plan.environment))
    (plan.secretNames.includes(name) ? secure : plain)[name] = value;
  Object.assign(secure, ours);
  return { plain, secure };
}
