import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { Problem } from '../contract/errors.ts';
import type { RunRequestBody } from '../contract/run-request.ts';
import { isTerminal, type RunView } from '../contract/run.ts';
import type { Call } from './call.ts';
import { argumentProblems, errorResult, isRefusedWith, refusal } from './call-error.ts';
import { giveUp } from './give-up.ts';
import { readLogPart } from './log-part.ts';
import { plainText } from './plain-text.ts';
import { runResult, type LogTail } from './run-result.ts';
import { secretProblems, secretsIn, type ParameterSchema } from './task-tool.ts';
import { watchRun } from './watch-run.ts';

/** Label of every run that came by a tool. */
const cameBy = { via: 'mcp' } as const;

/** Label that a canceled request finds its run by, at whichever server it arrives. */
export const requestLabel = 'mcp-request';

const tailBytes = 4 * 1024;

type Values = NonNullable<RunRequestBody['parameters']>;

/** Runs a task, and stays with it for a while. */
export async function callTask(
  taskName: string,
  given: Readonly<Record<string, unknown>>,
  call: Call,
): Promise<CallToolResult> {
  const { errand, key } = call;
  const argumentNames = Object.keys(given);
  let run: RunView;
  try {
    const schema = (await errand.schema(taskName, { signal: call.signal })) as unknown as ParameterSchema;
    const secrets = secretsIn(schema);
    const problems = secretProblems(secrets, given);
    if (problems.length > 0)
      return refusal([...problems, ...(await otherProblems(taskName, given, secrets.all, call))]);
    const parameters = argumentNames.map((name) => ({ name, value: given[name] })) as Values;
    const labels = key === undefined ? cameBy : { ...cameBy, [requestLabel]: key };
    // Without the signal: whether a run was accepted must not be left open.
    run = await errand.run({ taskName, parameters, labels }, key === undefined ? {} : { idempotencyKey: key });
  } catch (error) {
    return errorResult(error, { argumentNames });
  }
  try {
    const seen = await watchRun(run, call, { seconds: call.waitSeconds, withLog: true });
    return await answer(seen, call);
  } catch (error) {
    return outOfSight(run, error);
  } finally {
    if (call.isCanceled()) await giveUp(run.id, call);
  }
}

/** What else is wrong with arguments that are refused for their secrets: nobody should have to mend a call twice. */
async function otherProblems(
  taskName: string,
  given: Readonly<Record<string, unknown>>,
  secrets: readonly string[],
  { errand, signal }: Call,
): Promise<Problem[]> {
  const names = Object.keys(given).filter((name) => !secrets.includes(name));
  const parameters = names.map((name) => ({ name, value: given[name] })) as Values;
  const { problems } = await errand.check({ taskName, parameters }, { signal });
  // That a secret is missing has been said, or is not so; what is missing is named at the beginning of the message.
  const isOfSecret = ({ path, code, message }: Problem): boolean =>
    path === '/parameters' && code === 'required' && secrets.some((name) => message.startsWith(`${name} `));
  return argumentProblems(
    problems.filter((problem) => !isOfSecret(problem)),
    names,
  );
}

/** What is told of a run that was waited for. */
export async function answer(run: RunView, call: Call): Promise<CallToolResult> {
  if (isTerminal(run.state)) return runResult(run, { tail: await tailOf(run, call) });
  return runResult(run, {
    notes: [`It goes on, and its end has not been waited for. Call wait_for_run with {"id": "${run.id}"} to wait on.`],
  });
}

async function tailOf({ id, attempts }: RunView, { errand, signal }: Call): Promise<LogTail | undefined> {
  if (attempts.length === 0) return undefined;
  const { text, start } = await readLogPart(errand, id, { bytes: tailBytes }, signal);
  return { text: plainText(text), omittedBytes: start };
}

/** A run was accepted, and then something kept us from seeing what became of it: its id must be told all the same. */
function outOfSight(run: RunView, error: unknown): CallToolResult {
  const { content, structuredContent = {}, isError } = errorResult(error);
  const [first] = content;
  const why = first?.type === 'text' ? first.text : '';
  const result = runResult(run, {
    notes: [`The run was accepted, and goes on whatever happens here; what becomes of it could not be seen: ${why}`],
  });
  return {
    ...result,
    structuredContent: { ...result.structuredContent, ...structuredContent },
    // A caller who may start runs and not see them got what is its to get.
    isError: isRefusedWith(error, 'forbidden') ? false : isError === true,
  };
}
