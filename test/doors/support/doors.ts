import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { ErrandApiError, type Client } from '../../../src/client/client.ts';
import type { ProblemDetails } from '../../../src/contract/errors.ts';
import type { Plan, RunView } from '../../../src/contract/run.ts';
import { planCommand } from '../../../src/entry/commands/plan.ts';
import { problemsByField, toRequest, type Values } from '../../../web/text/parameters.ts';
import { call } from '../../e2e/door.ts';
import type { Session } from '../../mcp/support/mcp-client.ts';
import { runCommand, type Captured } from './captured-command.ts';
import type { Question } from './question.ts';
import { cliWords } from './sayable.ts';
import { accepted, argumentSubjects, refused, subjects, type Verdict } from './verdict.ts';

/** What an answer with problem details has of a failure. */
type Failure = Pick<ProblemDetails, 'code' | 'problems'>;

/** `POST /api/tasks/{name}/plan`. */
export async function askPlan(url: string, taskName: string, question: Question): Promise<Verdict> {
  return askApi(url, `/api/tasks/${taskName}/plan`, { parameters: question.given }, question);
}

/** `POST /api/runs`: what is accepted there is a run. */
export async function askRun(url: string, taskName: string, question: Question): Promise<Verdict> {
  return askApi(url, '/api/runs', { taskName, parameters: question.given }, question);
}

async function askApi(
  url: string,
  path: string,
  body: unknown,
  { declared, given }: Pick<Question, 'declared' | 'given'>,
): Promise<Verdict> {
  const { status, json } = await call(url, path, { method: 'POST', body });
  if (status < 300) return accepted((json as Plan | RunView).parameters);
  const { code, problems = [] } = json as Failure;
  return refused(code, problems, subjects(given, declared));
}

/** `errand plan <Task> … --json`. */
export async function askCli(url: string, taskName: string, question: Question): Promise<Verdict> {
  const { args, environment, input } = cliWords(question);
  const options = { environment: { ...environment, ERRAND_URL: url }, input };
  return cliVerdict(await runCommand(planCommand, [taskName, ...args, '--json'], options), question);
}

/** What the output of `errand plan` says. */
export function cliVerdict({ exitCode, records: [record] }: Captured, question: Question): Verdict {
  if (exitCode === 0) return accepted((record as Plan).parameters);
  const { code, problems = [] } = record as Failure;
  return refused(code, problems, subjects(cliWords(question).sent, question.declared));
}

/** The form of the dashboard: reads the definition, makes a request of its fields, has it checked, and tells each field what is wrong with it. */
export async function askForm(client: Client, taskName: string, values: Values): Promise<Verdict> {
  try {
    const { document } = await client.task(taskName);
    const parameters = document.scriptParameters ?? [];
    const sent = toRequest(parameters, values);
    const { plan, problems } = await client.check({ taskName, parameters: sent, labels: {} });
    if (plan !== undefined) return accepted(plan.parameters);
    return refused('invalidRequest', problems, (problem) => {
      const [field = ''] = problemsByField([{ ...problem, code: 'required' }], sent, parameters).keys();
      return field === '' ? problem.path : JSON.stringify(field);
    });
  } catch (error) {
    if (!(error instanceof ErrandApiError) || error.details === undefined) throw error;
    return refused(error.details.code, error.details.problems ?? [], ({ path }) => path);
  }
}

/** A call of the task's tool. What is accepted is a run, whose parameters are then read. */
export async function askTool(
  { session, client, taskName }: { session: Session; client: Client; taskName: string },
  { declared }: Question,
  given: Record<string, unknown>,
): Promise<Verdict> {
  try {
    const { structuredContent = {} } = await session.call(taskName, given);
    const { error, id } = structuredContent as { error?: Failure; id?: string };
    if (error !== undefined) return refused(error.code, error.problems ?? [], argumentSubjects(declared));
    if (id === undefined) throw new Error(`neither a run nor an error: ${JSON.stringify(structuredContent)}`);
    return accepted((await client.get(id)).parameters);
  } catch (error) {
    // A body that is refused for its form never gets to a tool: the answer is the API's own, in the message of the error.
    const [details] = /\{.*\}$/s.exec(error instanceof StreamableHTTPError ? error.message : '') ?? [];
    if (details === undefined) throw error;
    const { code, problems = [] } = JSON.parse(details) as Failure;
    return refused(code, problems, ({ path }) => path);
  }
}
