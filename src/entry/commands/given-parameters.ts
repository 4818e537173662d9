import { readFile } from 'node:fs/promises';
import type { RunRequestBody } from '../../contract/run-request.ts';
import type { TaskParameter } from '../../contract/task-definition.ts';
import { splitPair } from '../terminal/arguments.ts';
import type { Io } from '../terminal/io.ts';
import { askSecret } from '../terminal/secret-prompt.ts';
import { didYouMean } from '../terminal/suggest.ts';
import { fileProblem } from '../terminal/file-problem.ts';
import { UsageError } from '../terminal/usage-error.ts';

type Parameters = NonNullable<RunRequestBody['parameters']>;
type Value = Parameters[number]['value'];

/** How values are given to `run`, `rerun` and `plan`. */
export const parameterOptions = {
  parameter: { type: 'string', short: 'p', multiple: true, value: 'Name=value', about: 'A parameter; again for each' },
  'param-file': {
    type: 'string',
    value: 'file.json',
    about: 'Parameters as { "Name": "value" } or [{ "name": …, "value": … }]; - is standard input',
  },
  'secret-env': {
    type: 'string',
    multiple: true,
    value: 'Name=VARIABLE',
    about: 'A secret, from a variable of this environment',
  },
  'secret-file': {
    type: 'string',
    multiple: true,
    value: 'Name=path',
    about: 'A secret, from a file; one line end at its end is left out',
  },
} as const;

export interface ParameterValues {
  parameter: string[];
  'param-file': string | undefined;
  'secret-env': string[];
  'secret-file': string[];
}

/** Collects the values from everywhere. `declared` is undefined where the definition cannot be read with this key. */
export async function givenParameters(
  given: ParameterValues,
  declared: readonly TaskParameter[] | undefined,
  io: Io,
): Promise<Parameters> {
  const named = new Map<string, Value>();
  const once = (name: string, value: Value, option: string) => {
    if (named.has(name)) throw new UsageError(`${name} is given twice (the second time by ${option}): leave one out.`);
    named.set(name, value);
  };
  for (const text of given.parameter) {
    const [name, value] = splitPair(text, '-p', 'Name=value');
    refuseSecret(name, declared);
    once(name, value, '-p');
  }
  for (const text of given['secret-env']) {
    const [name, variable] = splitPair(text, '--secret-env', 'Name=VARIABLE');
    once(name, fromEnvironment(name, variable, io), '--secret-env');
  }
  for (const text of given['secret-file']) {
    const [name, path] = splitPair(text, '--secret-file', 'Name=path');
    once(name, await fromFile(name, path), '--secret-file');
  }
  // The command line is nearer than the file, so its values win. The rest of the file goes as it stands: what is wrong with it is for the server to say.
  const filed = await fromParameterFile(given['param-file'], io);
  return [...[...named].map(([name, value]) => ({ name, value })), ...filed.filter(({ name }) => !named.has(name))];
}

/** Asks for the secrets that are still missing, where somebody is there to be asked. */
export async function askForSecrets(names: readonly string[], io: Io): Promise<Parameters> {
  const answers: Parameters = [];
  if (!io.stdin.isTTY || !io.watched) return answers;
  for (const name of names) {
    const value = await askSecret(name, io);
    if (value === undefined) throw new UsageError(`No value for ${name}: nothing was started.`);
    answers.push({ name, value });
  }
  return answers;
}

/** What to write for the parameters that are missing. */
export function missingHints(given: Parameters, declared: readonly TaskParameter[]): string[] {
  return declared
    .filter((each) => each.required && each.default === undefined && each.valueFrom === undefined)
    .filter(({ parameterName }) => !given.some(({ name }) => name === parameterName))
    .map(({ parameterName: name, parameterType, description }) =>
      parameterType === 'secret'
        ? `give ${name} with --secret-env ${name}=VARIABLE or --secret-file ${name}=path, or run this on a terminal to be asked for it`
        : `add -p ${name}=…${description === undefined ? '' : `   (${description})`}`,
    );
}

/** For parameters that the task does not have. Where only the capitals differ, the server has said so. */
export function unknownHints(given: Parameters, declared: readonly TaskParameter[]): string[] {
  const names = declared.map(({ parameterName }) => parameterName);
  return given
    .filter(({ name }) => !names.some((known) => known.toLowerCase() === name.toLowerCase()))
    .map(({ name }) => `${name} is no parameter of this task${didYouMean(name, names)}`)
    .filter((hint) => hint.endsWith('?'));
}

function refuseSecret(name: string, declared: readonly TaskParameter[] | undefined): void {
  const parameter = declared?.find(({ parameterName }) => parameterName === name);
  if (parameter?.parameterType !== 'secret') return;
  throw new UsageError(
    `${name} is a secret and is not taken from the command line: others on this machine can see it there (ps), and the shell keeps it in its history. ` +
      `Leave -p ${name} out to be asked for it, or write --secret-env ${name}=VARIABLE or --secret-file ${name}=path. Nothing was started.`,
  );
}

function fromEnvironment(name: string, variable: string, io: Io): string {
  const value = io.environment[variable];
  if (value !== undefined) return value;
  throw new UsageError(
    `--secret-env ${name}=${variable}: there is no variable ${variable} here. Export it, or name another one.`,
  );
}

async function fromFile(name: string, path: string): Promise<string> {
  const text = await readText(path, `--secret-file ${name}=${path}`);
  return text.replace(/\r?\n$/, '');
}

async function fromParameterFile(path: string | undefined, io: Io): Promise<Parameters> {
  if (path === undefined) return [];
  const text = path === '-' ? await readAll(io) : await readText(path, `--param-file ${path}`);
  const where = path === '-' ? 'standard input' : path;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${where} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const form = 'it must be { "Name": "value", … } or [{ "name": "Name", "value": "value" }, …]';
  if (Array.isArray(parsed)) {
    return parsed.map((item: unknown, index) => {
      if (isPair(item)) return item;
      throw new UsageError(`${where}: item ${index} is no parameter: ${form}.`);
    });
  }
  if (typeof parsed !== 'object' || parsed === null) throw new UsageError(`${where} holds no parameters: ${form}.`);
  return Object.entries(parsed as Record<string, Value>).map(([name, value]) => ({ name, value }));
}

function isPair(item: unknown): item is Parameters[number] {
  return (
    typeof item === 'object' && item !== null && 'name' in item && typeof item.name === 'string' && 'value' in item
  );
}

async function readText(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${option} cannot be read: ${fileProblem(error)}.`);
  }
}

async function readAll(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
