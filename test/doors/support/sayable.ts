import { limits } from '../../../src/contract/limits.ts';
import type { Values } from '../../../web/text/parameters.ts';
import { isAskedSecret, type Declared, type Given, type Question } from './question.ts';

/**
 * What each door can be told at all, in this one place; what it can be told it must judge like every other.
 *
 * - The API: everything.
 * - The command line: in a file everything as well. As `-p Name=value` only text, under a name without an equals sign, once, and no secret, which comes from
 *   a variable instead. What cannot be said so goes into the file.
 * - The form: text in the fields that there are, so nothing twice and nothing unknown. An empty field is a value that is left out.
 * - The tools of agents: an object in a body, so nothing twice and nothing under `__proto__`. No secrets: see {@link broughtSecrets}.
 *
 * A number or a boolean is its text for every type (docs/task-definition.md), and so is other JSON for a parameter of type json.
 */
export interface CliWords {
  /** Arguments after the name of the task. */
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** What is piped in. */
  input: string;
  /** The parameters in the order in which they reach the server. */
  sent: readonly Given[];
}

export function cliWords({ declared, given, spelling }: Question): CliWords {
  const args: string[] = [];
  const environment: Record<string, string> = {};
  const said: Given[] = [];
  const secrets: Given[] = [];
  const filed: Given[] = [];
  const isWordy = spelling === 'words' && areUnique(given);
  for (const [index, each] of given.entries()) {
    const text = isWordy ? textOf(each, declared) : undefined;
    const pair = `${each.name}=${text ?? ''}`;
    if (text === undefined || !isArgument(pair) || each.name === '' || each.name.includes('=')) filed.push(each);
    else if (declarationOf(each.name, declared)?.parameterType === 'secret') {
      environment[`SECRET_${index}`] = text;
      args.push('--secret-env', `${each.name}=SECRET_${index}`);
      secrets.push(each);
    } else {
      // A word that looks like an option has to stand with its own.
      args.push(...(index % 2 === 0 || pair.startsWith('-') ? [`--parameter=${pair}`] : ['-p', pair]));
      said.push(each);
    }
  }
  const isObject = spelling === 'object' && areUnique(filed);
  const input = JSON.stringify(isObject ? Object.fromEntries(filed.map(({ name, value }) => [name, value])) : filed);
  // Names that are whole numbers come first in an object (ECMA-262, OrdinaryOwnPropertyKeys).
  const inOrder = isObject
    ? Object.entries(JSON.parse(input) as Record<string, Given['value']>).map(([name, value]) => ({ name, value }))
    : filed;
  if (filed.length > 0) args.push('--param-file', '-');
  return { args, environment, input, sent: [...said, ...secrets, ...inOrder] };
}

/** What stands in the fields of the form; undefined where they cannot hold it. */
export function formValues({ declared, given }: Question): Values | undefined {
  if (!areUnique(given)) return undefined;
  const texts: [name: string, text: string][] = [];
  for (const each of given) {
    const declaration = declarationOf(each.name, declared);
    const text = textOf(each, declared);
    if (declaration === undefined || declaration.valueFrom !== undefined || text === undefined || text === '')
      return undefined;
    texts.push([each.name, text]);
  }
  // Every other field that is left out was written in, and emptied again.
  const emptied = declared
    .map(({ parameterName }) => String(parameterName))
    .filter((name, index) => index % 2 === 0 && !given.some((each) => each.name === name));
  let values: Values = {};
  for (const [name, text] of [...texts, ...emptied.map((each) => [each, ''] as const)])
    values = { ...values, [name]: text };
  return values;
}

/** The arguments of a tool; undefined where an object in a body cannot hold them. */
export function toolArguments({ given }: Question): Record<string, unknown> | undefined {
  if (!areUnique(given) || given.some(({ name, value }) => name === '__proto__' || hasPrototype(value)))
    return undefined;
  return Object.fromEntries(given.map(({ name, value }) => [name, value]));
}

/** Secrets that are given though they are asked for: no agent may bring one, so its tools refuse what others accept. */
export function broughtSecrets({ declared, given }: Question): string[] {
  return declared
    .filter(isAskedSecret)
    .map(({ parameterName }) => String(parameterName))
    .filter((name) => given.some((each) => each.name === name));
}

/** Secrets that are missing: the tools refuse that like every door, and say why with words of their own. */
export function hasMissingSecrets({ declared, given }: Question): boolean {
  return declared.some(
    (each) =>
      isAskedSecret(each) && each.required === true && !given.some(({ name }) => name === String(each.parameterName)),
  );
}

/** Whether `errand push` can be told: it takes the name of the task from the definition, so the two cannot contradict each other. */
export function isPushable({ definition }: Question): boolean {
  return definition['taskName'] === undefined;
}

/**
 * Whether a request with it has a proper form. Where neither the form nor the definition is right, a door tells what it reads first: the API the request, the
 * command line, the form and the tools the definition.
 */
export function isWellFormed({ name, value }: Given): boolean {
  return name.length <= 200 && fitsBody(value) && !hasPrototype(value);
}

/** A value as text that means the same; undefined where no text does. */
function textOf({ name, value }: Given, declared: readonly Declared[]): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const type = declarationOf(name, declared)?.parameterType;
  // What a body cannot hold may travel as text (docs/errors.md, bodyTooDeep), so the text would say something else.
  return type === 'json' && fitsBody(value) && !hasPrototype(value) ? JSON.stringify(value) : undefined;
}

function declarationOf(name: string, declared: readonly Declared[]): Declared | undefined {
  return declared.find(({ parameterName }) => parameterName === name);
}

function areUnique(given: readonly Given[]): boolean {
  return new Set(given.map(({ name }) => name)).size === given.length;
}

/** What execve(2) and UTF-8 can pass on. */
function isArgument(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed() && Buffer.byteLength(text) < 128 * 1024;
}

/** Whether it has a key that no body may have. */
function hasPrototype(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasPrototype);
}

/** Whether depth and keys of a body can hold it, beside what the body itself has. */
function fitsBody(value: unknown): boolean {
  const own = { depth: 3, keys: 2 * limits.parameters };
  return depthOf(value) + own.depth <= limits.bodyDepth && keysOf(value) + own.keys <= limits.bodyKeys;
}

function depthOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function keysOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0;
  let keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const part of Object.values(value)) keys += keysOf(part);
  return keys;
}
