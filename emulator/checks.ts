import { invalidRequest } from './arm-error.ts';

type Json = Readonly<Record<string, unknown>>;

const containerName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const variableName = /^[A-Za-z0-9](?:\w{0,61}[A-Za-z0-9])?$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Throws `InvalidRequestContent` unless `holds`. */
export function demand(holds: boolean, message: string): asserts holds {
  if (!holds) throw invalidRequest(message);
}

export function record(value: unknown, path: string): Json {
  demand(typeof value === 'object' && value !== null && !Array.isArray(value), `'${path}' has to be an object.`);
  return value as Json;
}

export function list(value: unknown, path: string): readonly unknown[] {
  demand(value === undefined || value === null || Array.isArray(value), `'${path}' has to be an array.`);
  return (value ?? []) as readonly unknown[];
}

export function text(value: unknown, path: string): string {
  demand(typeof value === 'string' && value !== '', `'${path}' has to be a text that is not empty.`);
  return value;
}

export function oneOf(value: unknown, allowed: readonly string[], path: string): void {
  demand(
    value === undefined || allowed.includes(value as string),
    `'${path}' is ${JSON.stringify(value)}; allowed are ${allowed.join(', ')}.`,
  );
}

/** Names of groups, containers and volumes: 1 to 63 lower-case letters, digits and inner hyphens. */
export function name(value: unknown, path: string): string {
  const given = text(value, path);
  demand(
    containerName.test(given),
    `'${path}' is '${given}'; a name has 1 to 63 lower-case letters, digits and hyphens, and no hyphen at either end.`,
  );
  return given;
}

export function noDoubles(names: readonly string[], path: string): void {
  const double = names.find((given, index) => names.indexOf(given) !== index);
  demand(double === undefined, `'${path}' has '${double}' twice.`);
}

/** 1 to 63 letters, digits and inner underscores, with a value or a secure value but not both. */
export function environment(value: unknown, path: string): void {
  const variables = list(value, path).map((item, index) => record(item, `${path}[${index}]`));
  for (const variable of variables) {
    const given = text(variable['name'], `${path}.name`);
    demand(
      variableName.test(given),
      `The environment variable '${given}' needs a name of 1 to 63 letters, digits and underscores, and no underscore at either end.`,
    );
    const values = [variable['value'], variable['secureValue']].filter((item) => item !== undefined && item !== null);
    demand(
      values.length <= 1 && values.every((item) => typeof item === 'string'),
      `The environment variable '${given}' needs one text, in 'value' or in 'secureValue'.`,
    );
  }
  noDoubles(
    variables.map((variable) => String(variable['name'])),
    path,
  );
}

export function ports(value: unknown, path: string): void {
  for (const item of list(value, path)) {
    const { port, protocol } = record(item, path);
    demand(
      typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535,
      `'${path}' has the port ${JSON.stringify(port)}; ports go from 1 to 65535.`,
    );
    oneOf(protocol, ['TCP', 'UDP'], `${path}.protocol`);
  }
}

/** Secret volumes: file name → content in base64. */
export function secretFiles(value: unknown, path: string): void {
  for (const [file, content] of Object.entries(record(value, path))) {
    demand(file !== '' && !file.includes('/'), `'${path}' has '${file}', which is no name of a file.`);
    demand(typeof content === 'string' && base64.test(content), `'${path}.${file}' is not base64.`);
  }
}

export function tags(value: unknown): void {
  const entries = Object.entries(record(value ?? {}, 'tags'));
  demand(entries.length <= 50, `A resource has at most 50 tags, not ${entries.length}.`);
  for (const [key, content] of entries) {
    demand(key.length <= 512, `The name of the tag '${key}' is longer than 512 characters.`);
    demand(
      typeof content === 'string' && content.length <= 256,
      `The tag '${key}' needs a text of at most 256 characters.`,
    );
  }
}
