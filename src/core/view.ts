import type { RunView } from '../contract/run.ts';
import { isTerminal } from '../contract/run.ts';
import { toDeliveryView } from './webhooks.ts';
import { traceIdOf } from './trace-context.ts';
import { lastAttempt, type AttemptRecord, type EndedRun, type RunRecord } from './run-record.ts';

/** The run as the API shows it. Where it waits for a slot, `position` says how many are before it. */
export function toView(run: RunRecord, position?: number): RunView {
  const ended = isEnded(run) ? run : undefined;
  const waiting = run.state === 'queued' ? run.waiting : undefined;
  const startedAt = 'startedAt' in run ? run.startedAt : undefined;
  const log = lastAttempt(run)?.log;
  return {
    id: run.id,
    taskName: run.taskName,
    state: run.state,
    requestedBy: run.requestedBy,
    createdAt: run.createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(ended === undefined ? {} : { endedAt: ended.endedAt, reason: ended.reason, message: ended.message }),
    ...(ended?.exitCode === undefined ? {} : { exitCode: ended.exitCode }),
    ...(waiting === undefined
      ? {}
      : {
          waiting: {
            reason: waiting.reason,
            message: waiting.message,
            ...(position === undefined ? {} : { position }),
            ...(waiting.until === undefined ? {} : { until: waiting.until }),
          },
        }),
    stale: run.staleSince !== undefined,
    parameters: run.parameters.map((parameter) => ({ ...parameter })),
    labels: { ...run.labels },
    attempts: run.attempts.map(toAttemptView),
    ...(ended?.output === undefined ? {} : { output: ended.output }),
    ...(ended?.outputProblem === undefined ? {} : { outputProblem: ended.outputProblem }),
    files: [...(ended?.files ?? [])],
    ...(log === undefined ? {} : { log }),
    ...(run.cancel === undefined ? {} : { cancel: run.cancel }),
    ...(run.resolution === undefined ? {} : { resolution: run.resolution }),
    ...(run.rerunOf === undefined ? {} : { rerunOf: run.rerunOf }),
    ...(run.taskVersion === undefined ? {} : { taskVersion: run.taskVersion }),
    ...(run.schedule === undefined ? {} : { schedule: run.schedule }),
    ...(run.webhooks === undefined ? {} : { webhooks: run.webhooks.map(toDeliveryView) }),
    ...(run.traceContext === undefined ? {} : { traceId: traceIdOf(run.traceContext) }),
    ...(run.cost === undefined ? {} : { cost: run.cost }),
    executable: run.executable,
    definition: run.definition,
    version: run.version,
  };
}

export function isEnded(run: RunRecord): run is EndedRun {
  return isTerminal(run.state);
}

function toAttemptView(attempt: AttemptRecord): RunView['attempts'][number] {
  const { lease: _, clearAt: __, ...shown } = attempt;
  return shown;
}
