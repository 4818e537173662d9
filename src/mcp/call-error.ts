import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { ErrandApiError, ErrandConnectionError } from '../client/client.ts';
import { errorTable, type ErrorCode, type Problem } from '../contract/errors.ts';
import { summary } from '../core/problems.ts';

/** What went wrong with a call, for model and program. */
interface CallFailure {
  code: string;
  message: string;
  retryable: boolean;
  problems?: readonly Problem[] | undefined;
  runId?: string | undefined;
}

/** The refusal of arguments, as the API words its own. */
export function refusal(problems: readonly Problem[]): CallToolResult {
  return failed({ code: 'invalidRequest', message: summary(problems), retryable: false, problems });
}

/** A failure of Errand's as the answer of a tool, so that the model may mend its call. What is none of Errand's is thrown on. */
export function errorResult(
  error: unknown,
  { argumentNames = [] }: { argumentNames?: readonly string[] } = {},
): CallToolResult {
  if (error instanceof ErrandConnectionError)
    return failed({ code: 'noServer', message: error.message, retryable: true });
  if (!(error instanceof ErrandApiError)) throw error;
  const { details, status, message } = error;
  if (details === undefined) return failed({ code: `status${status}`, message, retryable: status >= 500 });
  const { code, detail, retryable, runId } = details;
  const problems = details.problems === undefined ? undefined : argumentProblems(details.problems, argumentNames);
  return failed({ code, message: detail, retryable, problems, runId });
}

/** Whether the API refused with this code. */
export function isRefusedWith(error: unknown, code: ErrorCode): boolean {
  return error instanceof ErrandApiError && error.details?.code === code;
}

/** Problems of parameters as those of arguments. Parameters travel as a list; a model knows them by their names. */
export function argumentProblems(problems: readonly Problem[], names: readonly string[]): Problem[] {
  return problems.map((problem) => ({ ...problem, path: argumentPath(problem.path, names) }));
}

function argumentPath(path: string, names: readonly string[]): string {
  const [, index, rest = ''] = /^\/parameters\/(\d+)\/(?:name|value)(\/.*)?$/.exec(path) ?? [];
  const name = index === undefined ? undefined : names[Number(index)];
  if (name === undefined) return path.replace(/^\/parameters$/, '/arguments');
  return `/arguments/${name.replaceAll('~', '~0').replaceAll('/', '~1')}${rest}`;
}

function failed({ code, message, retryable, problems, runId }: CallFailure): CallToolResult {
  const several = problems !== undefined && problems.length > 1;
  const title = code in errorTable ? errorTable[code as ErrorCode].title : message;
  const lines = several
    ? [`${title}:`, ...problems.map(({ path, message: each }) => `- ${path}: ${each}`)]
    : [problems?.[0] === undefined ? message : `${problems[0].path}: ${problems[0].message}`];
  return {
    content: [{ type: 'text', text: lines.join('\n') }],
    structuredContent: {
      error: {
        code,
        message,
        retryable,
        ...(problems === undefined ? {} : { problems }),
        ...(runId === undefined ? {} : { runId }),
      },
    },
    isError: true,
  };
}
