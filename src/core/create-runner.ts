import { ErrandError } from '../contract/errors.ts';
import { amend } from './amend.ts';
import { instant } from './clock.ts';
import type { Context } from './context.ts';
import { noCapacity } from './decide.ts';
import { taskEnvironment } from './environment.ts';
import type { Exchange, ExchangePlan, FenceReason } from './ports/artifact-store.ts';
import { NoCapacity, StartRefused, type CreatedRunner, type RunnerSpec } from './ports/runner-driver.ts';
import { currentAttempt, lastAttempt, type AttemptRecord, type RunRecord, type StartingRun } from './run-record.ts';
import { withAttempt } from './transition.ts';
import { keptName } from './versions.ts';

/**
 * Creates the container of an attempt. Called once, by whoever won the compare-and-swap that opened it. Nothing here is repeated: where an answer
 * is lost, the next look at the run finds out what came of it; so does it where `closing` cuts this off. Never throws: what goes wrong is either
 * fenced off or left to that look. What the executable traces belongs below `traceContext`.
 */
export async function createRunner(
  context: Context,
  run: StartingRun,
  closing?: AbortSignal,
  traceContext = run.traceContext,
): Promise<void> {
  const { artifacts, driver, logger } = context;
  const attempt = currentAttempt(run);
  const exchange = artifacts.exchange({ runId: run.id, attempt: attempt.number });
  const lease = keepLease(context, run.id, attempt);
  const signal = closing === undefined ? lease.signal : AbortSignal.any([lease.signal, closing]);
  try {
    const access = await prepare(
      context,
      { ...run, ...(traceContext === undefined ? {} : { traceContext }) },
      exchange,
      signal,
    );
    const spec: RunnerSpec = {
      name: attempt.containerName,
      runId: run.id,
      attempt: attempt.number,
      taskName: run.taskName,
      place: attempt.region ?? driver.capabilities.places[0].name,
      instanceId: context.instanceId,
      image: run.definition.dockerImage,
      resources: run.definition.resources,
      container: run.definition.container,
      identity: run.definition.identity,
      access,
      graceSeconds: run.definition.timeouts.graceSeconds,
    };
    const created = await driver.create(spec, { signal, progress: lease.report });
    await lease.release();
    await markCreated(context, run.id, attempt, created);
  } catch (error) {
    await lease.release();
    await giveUp(context, run.id, attempt, exchange, error).catch((cause: unknown) => {
      logger.error(
        { runId: run.id, attempt: attempt.number, err: cause },
        'could not record why the container was not created; the next look at the run finds out',
      );
    });
  }
}

async function prepare(context: Context, run: StartingRun, exchange: Exchange, signal: AbortSignal) {
  const { environment, secretNames } = await taskEnvironment(run, context.sealer, context.readSecret);
  const { timeouts, identity, allowUnfenced } = run.definition;
  const plan: ExchangePlan = {
    taskName: run.taskName,
    executable: { ...run.executable, kept: keptName(run.taskName, run.taskVersion ?? '') },
    view: context.driver.capabilities.view,
    runSeconds: timeouts.runSeconds,
    graceSeconds: timeouts.graceSeconds,
    logMaxBytes: context.policy.logMaxBytes,
    // Where the platform has none to give, the executable finds out at once instead of after a minute.
    waitForIdentity: identity !== undefined && context.driver.capabilities.identity,
    allowUnfenced,
    environment,
    secretNames,
  };
  return exchange.open(plan, { signal });
}

/** Whether the attempt is still the one that is being started, and nobody wants it stopped. */
function isWanted(run: RunRecord | undefined, attempt: AttemptRecord): boolean {
  return run?.state === 'starting' && lastAttempt(run)?.number === attempt.number && run.cancel === undefined;
}

/** Records what was created. Where the attempt was given up meanwhile, the container finds the fence taken and runs nothing: it is removed. */
async function markCreated(
  context: Context,
  runId: string,
  attempt: AttemptRecord,
  created: CreatedRunner,
): Promise<void> {
  const now = instant(context.clock.now());
  const after = await amend(context.storage, runId, context.newId, (run) => {
    const current = run.attempts.find(({ number }) => number === attempt.number);
    if (current === undefined || isGivenUp(current)) return undefined;
    const { phase: _, ...rest } = current;
    const marked: AttemptRecord = { ...rest, ...created, createdAt: now, lease: { ...rest.lease, until: now } };
    return { ...run, attempts: run.attempts.map((each) => (each === current ? marked : each)) };
  });
  const current = after?.attempts.find(({ number }) => number === attempt.number);
  if (current === undefined || isGivenUp(current)) await context.driver.remove(attempt.containerName);
}

function isGivenUp(attempt: AttemptRecord): boolean {
  return attempt.endedAt !== undefined && attempt.fencedAt === undefined;
}

/** What the failure proves decides what comes of it: a refusal is fenced off with its reason, anything else leaves the question open. */
async function giveUp(
  context: Context,
  runId: string,
  attempt: AttemptRecord,
  exchange: Exchange,
  error: unknown,
): Promise<void> {
  const why = refusal(error, attempt);
  const message = error instanceof Error ? error.message : String(error);
  if (why !== undefined) {
    await exchange.takeFence({ by: 'orchestrator', why, message, at: instant(context.clock.now()) });
  } else {
    context.logger.warn(
      { runId, attempt: attempt.number, err: error },
      'creating the container did not end well; looking what came of it',
    );
  }
  // The lease ends now, so that the next look need not wait for it.
  await amend(context.storage, runId, context.newId, (run) =>
    isWanted(run, attempt)
      ? withAttempt(run, { lease: { ...attempt.lease, until: instant(context.clock.now()) } })
      : undefined,
  );
}

function refusal(error: unknown, attempt: AttemptRecord): FenceReason | undefined {
  if (error instanceof NoCapacity) return noCapacity(attempt, error.retryAfterMs);
  if (error instanceof StartRefused) return { kind: 'startFailed', reason: error.reason, permanent: error.permanent };
  if (!(error instanceof ErrandError)) return undefined;
  if (error.code === 'secretUnavailable') return { kind: 'startFailed', reason: 'secretUnavailable', permanent: false };
  if (error.code === 'executableMissing')
    return { kind: 'startFailed', reason: 'executableUnavailable', permanent: true };
  return undefined;
}

interface Lease {
  /** Aborts where the attempt is no longer wanted. */
  signal: AbortSignal;
  /** Takes a phrase for people: what is being done. */
  report: (phase: string) => void;
  /** Stops renewing. */
  release(): Promise<void>;
}

/** Renews the creator's lease, writes down what it is doing, and notices when nobody wants the result any more. */
function keepLease(context: Context, runId: string, attempt: AttemptRecord): Lease {
  const { clock, logger, policy, storage } = context;
  const unwanted = new AbortController();
  const ended = new AbortController();
  let phase: string | undefined;

  const renew = async () => {
    const until = instant(clock.now() + policy.leaseMs);
    const run = await amend(storage, runId, context.newId, (current) =>
      isWanted(current, attempt)
        ? withAttempt(current, { lease: { by: context.owner, until }, ...(phase === undefined ? {} : { phase }) })
        : undefined,
    );
    if (!isWanted(run, attempt))
      unwanted.abort(new Error(`attempt ${attempt.number} of run ${runId} is no longer wanted`));
  };

  const loop = async () => {
    for (;;) {
      await clock.sleep(policy.leaseMs / 3, { signal: ended.signal });
      await renew().catch((error: unknown) =>
        logger.warn({ runId, err: error }, 'could not renew the lease of an attempt'),
      );
    }
  };
  const running = loop().catch((error: unknown) => {
    if (!ended.signal.aborted) throw error;
  });

  return {
    signal: unwanted.signal,
    report: (next) => {
      phase = next;
    },
    release: async () => {
      ended.abort();
      await running;
    },
  };
}
