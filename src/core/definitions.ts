import { ErrandError } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { scriptNamePattern, taskNamePattern } from '../contract/names.ts';
import type { TaskSummary } from '../contract/run.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import { checkDefinition, platformProblems } from './check-definition.ts';
import type { Clock } from './clock.ts';
import type { ArtifactInfo, ArtifactStore } from './ports/artifact-store.ts';
import type { RunnerDriver } from './ports/runner-driver.ts';
import { summary } from './problems.ts';
import { versions, type Versions } from './versions.ts';

export interface StoredTask {
  definition: TaskDefinition;
  /** As it was stored, with the fields its author wrote. */
  document: unknown;
  etag: string;
}

/** The task definitions of an artifact store: `<taskName>.json` beside the executables. */
export interface Definitions {
  /** Throws `taskNotFound`, or `invalidDefinition` where a file was put there by hand that is none. */
  load(taskName: string, signal?: AbortSignal): Promise<StoredTask>;
  list(signal?: AbortSignal): Promise<TaskSummary[]>;
  /**
   * Stores definition and, where given, executable. Repeated with the same content it succeeds again, whatever `ifMatch` says. Throws `invalidDefinition`, `executableMissing`,
   * `preconditionFailed`.
   */
  store(
    taskName: string,
    document: unknown,
    executable: Uint8Array | undefined,
    conditions: { ifMatch?: string | undefined },
    signal?: AbortSignal,
  ): Promise<StoredTask>;
  /** What was pushed before. */
  versions: Versions;
  /** The executable that a definition names. Throws `executableMissing`. */
  executable(scriptName: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** Removes the definition with its versions, and its executable where no other definition names it. */
  remove(taskName: string, conditions: { ifMatch?: string | undefined }, signal?: AbortSignal): Promise<void>;
}

const cacheEntries = 1000;
/** Of an executable that others remove while a definition of it is stored. */
const mostPuts = 3;

export function definitions(
  artifacts: ArtifactStore,
  driver: Pick<RunnerDriver, 'name' | 'capabilities'>,
  clock: Pick<Clock, 'now'>,
): Definitions {
  const cache = new Map<string, StoredTask>();
  const earlier = versions(artifacts, clock);

  async function load(taskName: string, signal?: AbortSignal): Promise<StoredTask> {
    if (!taskNamePattern.test(taskName)) throw notFound(taskName);
    const file = fileName(taskName);
    const cached = cache.get(taskName);
    const found = await artifacts.get(file, { ifNoneMatch: cached?.etag, signal });
    if (found === undefined) {
      cache.delete(taskName);
      throw notFound(taskName);
    }
    if (found.unchanged) {
      if (cached !== undefined) return cached;
      throw new ErrandError(
        'artifactsUnavailable',
        `the artifact store says that ${file} is unchanged, though it was not read before`,
      );
    }
    const stored = parse(taskName, found.info, found.body);
    if (cache.size >= cacheEntries) cache.clear();
    cache.set(taskName, stored);
    return stored;
  }

  async function list(signal?: AbortSignal): Promise<TaskSummary[]> {
    const tasks: TaskSummary[] = [];
    for await (const { name, etag } of artifacts.list({ signal })) {
      if (!name.endsWith('.json')) continue;
      const taskName = name.slice(0, -'.json'.length);
      if (!taskNamePattern.test(taskName)) continue;
      const summarized = await summarize(taskName, etag, signal);
      if (summarized !== undefined) tasks.push(summarized);
    }
    return tasks;
  }

  /** Of the version that was listed, which is read unless it is known. Undefined where it has gone since then. */
  async function summarize(taskName: string, etag: string, signal?: AbortSignal): Promise<TaskSummary | undefined> {
    try {
      const cached = cache.get(taskName);
      const { definition } = cached?.etag === etag ? cached : await load(taskName, signal);
      const { description, hints, enabled } = definition;
      return {
        taskName,
        ...(description === undefined ? {} : { description }),
        ...(hints === undefined ? {} : { hints }),
        enabled,
        valid: true,
      };
    } catch (error) {
      if (error instanceof ErrandError && error.code === 'invalidDefinition')
        return { taskName, enabled: false, valid: false, problem: error.message };
      if (error instanceof ErrandError && error.code === 'taskNotFound') return undefined;
      throw error;
    }
  }

  return {
    load,
    list,
    versions: earlier,
    store: async (taskName, document, executable, { ifMatch }, signal) => {
      const definition = check(taskName, document);
      const problems = platformProblems(definition, driver.name, driver.capabilities);
      if (problems.length > 0)
        throw new ErrandError('invalidDefinition', `${taskName} cannot run on ${driver.name}: ${summary(problems)}`, {
          problems,
        });
      const { scriptName } = definition;
      const file = fileName(taskName);
      const text = Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
      if (ifMatch !== undefined && (await meetsCondition(file, text, ifMatch, signal)) === undefined)
        throw changed(taskName);
      // The executable goes first: a definition must never name one that is not there.
      await (executable === undefined
        ? present(scriptName, undefined, signal)
        : artifacts.put(scriptName, executable, { signal }));
      const info =
        (await artifacts.put(file, text, { ifMatch, signal })) ||
        (ifMatch === undefined ? undefined : await meetsCondition(file, text, undefined, signal));
      if (info === undefined) throw changed(taskName);
      const stored: StoredTask = { definition, document, etag: info.etag };
      cache.set(taskName, stored);
      // Once it is named: who removed the last task that named it may not have seen this one yet.
      const there = await present(scriptName, executable, signal);
      // Last, so that a version is what the task has been. Where this is cut off, the next push of the same keeps it.
      const body = executable === undefined ? () => content(scriptName, signal) : async () => executable;
      await earlier.keep(taskName, document, { name: scriptName, sha256: there.sha256, body }, signal);
      return stored;
    },
    remove: async (taskName, { ifMatch }, signal) => {
      const file = fileName(taskName);
      const found = taskNamePattern.test(taskName) ? await artifacts.get(file, { signal }) : undefined;
      if (found === undefined) throw notFound(taskName);
      const script = found.unchanged ? undefined : scriptNameOf(found.body);
      if (ifMatch !== undefined && !found.unchanged && found.info.etag !== ifMatch) throw changed(taskName);
      // While the definition is there, whoever did not get the answer can ask again.
      await earlier.removeAll(taskName, signal);
      if (!(await artifacts.delete(file, { ifMatch, signal }))) throw changed(taskName);
      cache.delete(taskName);
      if (script !== undefined && !(await isNamed(script, signal))) await removeExecutable(script, signal);
    },
    executable: content,
  };

  /** Facts of the executable that a definition is to name. What was sent along is put there again where somebody has removed it meanwhile. */
  async function present(scriptName: string, sent: Uint8Array | undefined, signal?: AbortSignal) {
    for (let tries = 1; ; tries += 1) {
      const there = await artifacts.describe(scriptName, { signal });
      if (there !== undefined) return there;
      if (sent === undefined)
        throw new ErrandError(
          'executableMissing',
          `there is no executable ${scriptName}: send it along with the definition`,
        );
      if (tries === mostPuts)
        throw new ErrandError(
          'executableMissing',
          `the executable ${scriptName} is removed again and again while it is stored: push the task once more`,
        );
      await artifacts.put(scriptName, sent, { signal });
    }
  }

  /**
   * Unless somebody has replaced it. Who stores a definition that names it looks for it afterwards, and here such a definition is looked for after it is gone, so one
   * of the two sees the other and puts it back.
   */
  async function removeExecutable(scriptName: string, signal?: AbortSignal): Promise<void> {
    const there = await artifacts.describe(scriptName, { signal });
    if (there === undefined) return;
    // It was put there by hand: no push brings one so large, and none can put it back.
    if (there.bytes > limits.executableBytes)
      return void (await artifacts.delete(scriptName, { ifMatch: there.etag, signal }));
    const found = await artifacts.get(scriptName, { signal });
    if (found === undefined || found.unchanged) return;
    const isRemoved = await artifacts.delete(scriptName, { ifMatch: found.info.etag, signal });
    if (isRemoved && (await isNamed(scriptName, signal)))
      await artifacts.put(scriptName, found.body, { ifNoneMatch: '*', signal });
  }

  async function content(scriptName: string, signal?: AbortSignal): Promise<Uint8Array> {
    const found = await artifacts.get(scriptName, { signal });
    if (found !== undefined && !found.unchanged) return found.body;
    throw new ErrandError('executableMissing', `the executable ${scriptName} is not there: push the task again`);
  }

  /**
   * Facts of the stored definition where it is the version that its author has seen, or is already what is to be stored: whoever did not get the answer
   * sends the request again, and may be told that it has succeeded (RFC 9110, 13.1.1).
   */
  async function meetsCondition(
    file: string,
    body: Buffer,
    seen: string | undefined,
    signal?: AbortSignal,
  ): Promise<ArtifactInfo | undefined> {
    const found = await artifacts.get(file, { signal });
    if (found === undefined || found.unchanged) return undefined;
    return found.info.etag === seen || body.equals(found.body) ? found.info : undefined;
  }

  async function isNamed(script: string, signal?: AbortSignal): Promise<boolean> {
    for await (const { name } of artifacts.list({ signal })) {
      if (!name.endsWith('.json')) continue;
      const found = await artifacts.get(name, { signal });
      if (found !== undefined && !found.unchanged && scriptNameOf(found.body) === script) return true;
    }
    return false;
  }
}

/** Checks a document that is to be the definition of `taskName`. Throws `invalidDefinition` with all problems. */
export function check(taskName: string, document: unknown): TaskDefinition {
  const { definition, problems } = checkDefinition(document);
  if (problems !== undefined)
    throw new ErrandError(
      'invalidDefinition',
      `the definition of ${shorten(taskName)} is not valid: ${summary(problems)}`,
      { problems },
    );
  if (definition.taskName === taskName) return definition;
  const message = `taskName is ${definition.taskName}, but the document belongs to ${shorten(taskName)}: make them the same`;
  throw new ErrandError('invalidDefinition', message, {
    problems: [{ path: '/taskName', code: 'inconsistent', message, allowed: taskName }],
  });
}

function parse(taskName: string, info: ArtifactInfo, body: Uint8Array): StoredTask {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (cause) {
    throw new ErrandError(
      'invalidDefinition',
      `${info.name} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  return { definition: check(taskName, document), document, etag: info.etag };
}

/** Of a document that may be invalid. */
function scriptNameOf(body: Uint8Array): string | undefined {
  try {
    const document: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    const name =
      document !== null && typeof document === 'object' && 'scriptName' in document ? document.scriptName : undefined;
    return typeof name === 'string' && scriptNamePattern.test(name) ? name : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fileName(taskName: string): string {
  return `${taskName}.json`;
}

function notFound(taskName: string): ErrandError {
  return new ErrandError(
    'taskNotFound',
    `there is no task ${shorten(taskName)}: "errand tasks" lists those that there are, "errand push" adds one`,
  );
}

function changed(taskName: string): ErrandError {
  return new ErrandError(
    'preconditionFailed',
    `${taskName} has changed since you read it: read it again, and apply your change to that`,
  );
}

/** Names from outside are repeated in messages, so they are cut. */
function shorten(name: string): string {
  return name.length > 80 ? `${JSON.stringify(name.slice(0, 80))}…` : JSON.stringify(name);
}
