import { ErrandApiError, ErrandConnectionError } from '../../client/client.ts';
import { ErrandError, errorTable, type Problem } from '../../contract/errors.ts';
import { exitCodes } from './exit-codes.ts';
import { HintedError } from './hinted-error.ts';
import { printable, type Style } from './style.ts';
import { UsageError } from './usage-error.ts';

export interface Failure {
  exitCode: number;
  /** For people, on standard error. */
  text: string;
  /** For programs, on standard output. */
  record: {
    type: 'error';
    code: string;
    message: string;
    exitCode: number;
    problems?: readonly Problem[];
    runId?: string;
  };
}

interface Facts {
  exitCode: number;
  code: string;
  message: string;
  problems?: readonly Problem[] | undefined;
  runId?: string | undefined;
  hints?: readonly string[];
}

/** What went wrong, what to do about it, and what to exit with. */
export function explain(error: unknown, style: Style, { hasKey }: { hasKey: boolean }): Failure {
  const own = error instanceof HintedError ? error.hints : [];
  const facts = factsOf(error instanceof HintedError ? error.cause : error, hasKey);
  const { exitCode, code, message, problems = [], runId } = facts;
  const [first] = problems;
  // The only problem is in the message already.
  const listed = problems.length === 1 && first?.message === message ? [] : problems;
  const lines = [
    `${style.red('errand:')} ${printable(message)}`,
    ...listed.map(
      (problem) =>
        `  ${style.bold(problem.path === '' ? '/' : printable(problem.path))}  ${printable(withoutPath(problem))}`,
    ),
    ...[...own, ...(facts.hints ?? [])].map((hint) => `  ${style.cyan('→')} ${printable(hint)}`),
  ];
  return {
    exitCode,
    text: `${lines.join('\n')}\n`,
    record: {
      type: 'error',
      code,
      message,
      exitCode,
      ...(problems.length === 0 ? {} : { problems }),
      ...(runId === undefined ? {} : { runId }),
    },
  };
}

/** Beside its path a message need not begin with it. */
function withoutPath({ path, message }: Problem): string {
  return path !== '' && message.startsWith(`${path} `) ? message.slice(path.length + 1) : message;
}

function factsOf(error: unknown, hasKey: boolean): Facts {
  if (error instanceof UsageError) return { exitCode: exitCodes.refused, code: 'usage', message: error.message };
  if (error instanceof ErrandConnectionError) {
    return { exitCode: exitCodes.unavailable, code: 'noServer', message: error.message };
  }
  if (error instanceof ErrandApiError) {
    const { details, status, message } = error;
    return {
      exitCode: status < 500 ? exitCodes.refused : exitCodes.unavailable,
      code: details?.code ?? `status${status}`,
      // With several problems the detail is only the first of them, and all of them follow.
      message: (details?.problems?.length ?? 0) > 1 ? `${details?.title}:` : message,
      problems: details?.problems,
      runId: details?.runId,
      hints: serverHints(error, hasKey),
    };
  }
  if (error instanceof ErrandError) {
    const { code, message, problems, runId } = error;
    const exitCode = errorTable[code].status < 500 ? exitCodes.refused : exitCodes.unavailable;
    return { exitCode, code, message, problems, runId };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { exitCode: exitCodes.unavailable, code: 'internal', message };
}

function serverHints({ status, details }: ErrandApiError, hasKey: boolean): string[] {
  if (status === 401) {
    return hasKey
      ? [
          'the key in ERRAND_API_KEY is not one of this server, or has expired: check it, and the server that ERRAND_URL names',
        ]
      : ['set ERRAND_API_KEY to your key; whoever runs the server makes one with "errand keys create"'];
  }
  if (status === 403 && details?.code === 'forbidden') {
    return ['whoever runs the server makes a key with more scopes: "errand keys create --scopes …"'];
  }
  if (status >= 500 && details?.requestId !== undefined)
    return [`the log of the server says more, under request ${details.requestId}`];
  return [];
}
