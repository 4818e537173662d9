import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { isTerminal, type RunView } from '../contract/run.ts';

/** The last of a run's log, as text. */
export interface LogTail {
  text: string;
  /** Bytes of the log before it. */
  omittedBytes: number;
}

/** What a model is shown of a run: what was asked, what came of it, and nothing of the definition's environment. */
export function runFacts(run: RunView): Record<string, unknown> {
  const { id, taskName, state, requestedBy, createdAt, startedAt, endedAt, reason, message, exitCode } = run;
  const { waiting, output, outputProblem, files, cancel, resolution, rerunOf, attempts } = run;
  const facts = { id, taskName, state, exitCode, reason, message, output, outputProblem, waiting };
  const parameters = Object.fromEntries(
    run.parameters.map(({ name, value, secret }) => [name, secret ? '(secret)' : (value ?? null)]),
  );
  const times = { createdAt, startedAt, endedAt };
  const log = run.log === undefined ? undefined : { bytes: run.log.bytes, truncated: run.log.truncated };
  const rest = { parameters, requestedBy, cancel, resolution, rerunOf, attempts: attempts.length, log };
  const named = files.map(({ name, bytes }) => ({ name, bytes }));
  return defined({ ...facts, files: named, ...times, ...rest });
}

/** A run in one sentence. */
export function runSentence(run: RunView): string {
  const name = `${run.taskName} (run ${run.id})`;
  switch (run.state) {
    case 'queued':
      return `${name} is waiting${run.waiting === undefined ? '' : `: ${run.waiting.message}`}.`;
    case 'starting':
    case 'running':
      // All that a model is told which has just canceled it: "is running" alone would read like a refusal.
      return `${name} is ${run.state}${run.cancel === undefined ? '' : ', and is being canceled'}.`;
    case 'succeeded':
      return `${name} succeeded.`;
    case 'failed':
    case 'timedOut':
    case 'canceled':
    case 'expired':
    case 'lost':
      return `${name} did not succeed: ${run.state}, ${run.message ?? run.reason ?? 'for a reason that was not recorded'}.`;
  }
}

/** The answer of a tool that was about one run. A run that ended otherwise than well is an error of the tool. */
export function runResult(run: RunView, { tail, notes = [] }: { tail?: LogTail | undefined; notes?: string[] } = {}) {
  const text = [
    runSentence(run),
    ...notes,
    ...(run.output === undefined ? [] : [`Output: ${JSON.stringify(run.output)}`]),
    ...(run.files.length === 0
      ? []
      : [`Files: ${run.files.map(({ name, bytes }) => `${name} (${bytes} B)`).join(', ')}`]),
    ...(tail === undefined || tail.text === '' ? [] : [tailText(tail)]),
  ].join('\n');
  return {
    content: [{ type: 'text', text }],
    structuredContent: { ...runFacts(run), ...(tail === undefined ? {} : { logTail: tail.text }) },
    isError: isTerminal(run.state) && run.state !== 'succeeded',
  } satisfies CallToolResult;
}

function tailText({ text, omittedBytes }: LogTail): string {
  return `${omittedBytes === 0 ? 'Log' : `End of the log (${omittedBytes} bytes before it: get_run_log)`}:\n${text}`;
}

function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
