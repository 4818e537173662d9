import type { Problem } from '../../src/contract/errors.ts';
import type { TaskDefinitionDocument } from '../../src/contract/task-definition.ts';

export type Parameter = NonNullable<TaskDefinitionDocument['scriptParameters']>[number];

/** What stands in the fields, by the name of the parameter. Nothing in a field means that the value is left out. */
export type Values = Readonly<Record<string, string>>;

/** What stands in a field. A parameter may have the name of something that every object has. */
export function fieldText(values: Values, name: string): string {
  return Object.hasOwn(values, name) ? (values[name] ?? '') : '';
}

/** The parameters of a request, in the order of the definition. */
export function toRequest(parameters: readonly Parameter[], values: Values): { name: string; value: string }[] {
  return parameters.flatMap(({ parameterName: name, valueFrom }) => {
    const value = fieldText(values, name);
    return valueFrom !== undefined || value === '' ? [] : [{ name, value }];
  });
}

/**
 * Problems by the name of the field that they are about; those of no field under ''. The server names a value by its place in the request, and says of a
 * missing one which it is at the beginning of its message.
 */
export function problemsByField(
  problems: readonly Problem[],
  sent: readonly { name: string }[],
  parameters: readonly Parameter[],
): ReadonlyMap<string, readonly string[]> {
  const byField = new Map<string, string[]>();
  for (const { path, message } of problems) {
    const [, index] = /^\/parameters\/(\d+)(?:\/|$)/.exec(path) ?? [];
    const name =
      index === undefined
        ? path === '/parameters'
          ? parameters.find(({ parameterName }) => message.startsWith(`${parameterName} `))?.parameterName
          : undefined
        : sent[Number(index)]?.name;
    const field = name ?? '';
    byField.set(field, [...(byField.get(field) ?? []), message]);
  }
  return byField;
}

/** What a field takes, in a phrase; undefined where it takes anything. */
export function hintOf(parameter: Parameter): string | undefined {
  const { parameterType: type, minLength, maxLength, minimum, maximum, pattern } = parameter;
  const kind = { int: 'whole number', integer: 'whole number', number: 'number', json: 'JSON' } as const;
  const parts = [
    type in kind ? kind[type as keyof typeof kind] : undefined,
    range(minimum, maximum, ''),
    range(minLength, maxLength, ' characters'),
    pattern === undefined ? undefined : `matches ${pattern}`,
    // Where one chooses, the default is one of the choices.
    parameter.default === undefined || parameter.enum !== undefined || type === 'boolean'
      ? undefined
      : `${String(parameter.default)} where left empty`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(', ');
}

function range(least: number | undefined, most: number | undefined, unit: string): string | undefined {
  if (least === undefined && most === undefined) return undefined;
  if (least === undefined) return `at most ${most}${unit}`;
  return most === undefined ? `at least ${least}${unit}` : `${least} to ${most}${unit}`;
}

/** Where a secret comes from that nobody is asked for. */
export function sourceOf(valueFrom: string): string {
  const [kind, name] = valueFrom.split(/:(.*)/s);
  return kind === 'env' ? `the variable ${name} of the server` : `the file ${name} of the server's secrets`;
}

/** `name=value` pairs as people write them: one a line, or with commas between. */
export function parseLabels(text: string): { labels: Record<string, string>; wrong: string[] } {
  const labels: Record<string, string> = {};
  const wrong: string[] = [];
  for (const pair of text
    .split(/[\n,]/)
    .map((each) => each.trim())
    .filter((each) => each !== '')) {
    const [, name, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) wrong.push(pair);
    else labels[name] = value;
  }
  return { labels, wrong };
}
