import { createClient, ErrandApiError, type Client } from '../../client/client.ts';
import type { RunView } from '../../contract/run.ts';
import type { TaskDefinitionDocument } from '../../contract/task-definition.ts';
import { runIdPattern } from '../../contract/names.ts';
import { clientConfig } from '../config.ts';
import { HintedError } from '../terminal/hinted-error.ts';
import type { Io } from '../terminal/io.ts';
import { suggest } from '../terminal/suggest.ts';
import { UsageError } from '../terminal/usage-error.ts';

/** A client for the server that this command line means. */
export function connect(io: Io): Client {
  const { url: configured, apiKey } = clientConfig(io.environment);
  const url = io.url ?? configured;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(
      `"${url}" is not the URL of a server: it begins with http:// or https://, such as http://127.0.0.1:7070. Mend ${io.url === undefined ? 'ERRAND_URL' : '--url'}.`,
    );
  }
  return createClient({ url, apiKey });
}

const latest = new Set(['last', '@last', 'latest', '@latest']);
const leastLetters = 4;
const searched = 200;

/**
 * The id that a person meant: a whole one, `last`, or the beginning or end of one of the latest runs. Ids of one hour begin alike, so it
 * is the end that is worth typing.
 */
export async function findRunId(client: Client, given: string): Promise<string> {
  const text = given.toLowerCase();
  if (runIdPattern.test(text)) return text;
  if (latest.has(text)) {
    const [run] = (await client.list({ limit: 1 })).runs;
    if (run === undefined) throw new UsageError('There is no run yet: start one with "errand run <Task>".');
    return run.id;
  }
  const { runs } = text.length < leastLetters ? { runs: [] } : await client.list({ limit: searched });
  const found = runs.filter(({ id }) => id.endsWith(text) || id.startsWith(text));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.id;
  const some = found.slice(0, 5).map((run) => `${run.id} (${run.taskName})`);
  throw new UsageError(
    found.length === 0
      ? `There is no run ${given}: give its id, at least the last ${leastLetters} letters of it, or "last". "errand runs" lists the latest.`
      : `${given} may be any of ${some.join(', ')}: give more letters.`,
  );
}

/** The task's definition; undefined where the key may not read it. Throws where there is no such task, with the names that were probably meant. */
export async function readDefinition(client: Client, taskName: string): Promise<TaskDefinitionDocument | undefined> {
  try {
    return (await client.task(taskName)).document;
  } catch (error) {
    if (hasCode(error, 'forbidden')) return undefined;
    throw await withTaskNames(client, taskName, error);
  }
}

/** Adds the names that were probably meant, where the error is that there is no such task. */
export async function withTaskNames(client: Client, taskName: string, error: unknown): Promise<unknown> {
  if (!hasCode(error, 'taskNotFound')) return error;
  // A list that cannot be read leaves the error as it is: it says enough.
  const names = await client.tasks().then(
    (tasks) => tasks.map((task) => task.taskName),
    () => undefined,
  );
  if (names === undefined) return error;
  if (names.length === 0)
    return new HintedError(error, ['this server has no tasks yet: "errand init hello", then "errand push hello"']);
  const meant = suggest(taskName, names);
  if (meant !== undefined) return new HintedError(error, [`did you mean ${meant}?`]);
  return new HintedError(error, [`there are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`]);
}

/** What is asked of a schedule; where there is none of this name, with the name that was probably meant. */
export async function withScheduleNames<T>(client: Client, name: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!hasCode(error, 'scheduleNotFound')) throw error;
    // A list that cannot be read leaves the error as it is: it says enough.
    const page = await client.schedules({ limit: searched }).catch(() => undefined);
    const names = page?.schedules.map((schedule) => schedule.name) ?? [];
    const meant = suggest(name, names);
    throw meant === undefined ? error : new HintedError(error, [`did you mean ${meant}?`]);
  }
}

export function hasCode(error: unknown, code: string): error is ErrandApiError {
  return error instanceof ErrandApiError && error.details?.code === code;
}

/** A run in one word or two, for messages. */
export function nameOf(run: Pick<RunView, 'taskName' | 'id'>): string {
  return `${run.taskName} ${run.id}`;
}
