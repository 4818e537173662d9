import { RE2JS } from 're2js';
import type { Problem } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import type { RunRequest } from '../contract/run-request.ts';
import type { TaskDefinition, TaskParameter } from '../contract/task-definition.ts';
import { counted, pointer } from './problems.ts';

export interface CheckedParameters {
  /** What is kept: every declared parameter that has a value, in the order of the definition; secrets without it. */
  parameters: { name: string; value?: string; secret: boolean }[];
  /** Values of secrets. Null prototype. */
  secrets: Record<string, string>;
  problems: Problem[];
}

const intPattern = /^[+-]?[0-9]{1,19}$/;
const numberPattern = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$/;
/** C0 controls other than tab and newline (a carriage return too is more often an accident than meant), and DEL. */
const controlCharacter = new RegExp(String.raw`[\u0000-\u0008\u000b-\u001f\u007f]`, 'u');

/** Checks the values of a request against the definition. Pure; finds all problems, not only the first. */
export function checkParameters(
  definition: TaskDefinition,
  given: RunRequest['parameters'],
  base: readonly PropertyKey[] = ['parameters'],
): CheckedParameters {
  const problems: Problem[] = [];
  const values = new Map<string, { text: string; path: string }>();
  /** Given, though with a value of another type: one problem is enough. */
  const mistyped = new Set<string>();
  const declared = new Map(definition.scriptParameters.map((parameter) => [parameter.parameterName, parameter]));

  for (const [index, { name, value }] of given.entries()) {
    const path = pointer([...base, index, 'value']);
    const parameter = declared.get(name);
    if (parameter === undefined) {
      problems.push({
        path: pointer([...base, index, 'name']),
        code: 'unknownParameter',
        message: unknownMessage(definition.taskName, name, declared),
        allowed: [...declared.keys()],
      });
    } else if (values.has(name)) {
      problems.push({
        path: pointer([...base, index, 'name']),
        code: 'duplicate',
        message: `${name} is given twice: leave one out`,
      });
    } else if (parameter.valueFrom !== undefined) {
      problems.push({
        path,
        code: 'notAllowed',
        message: `${name} is read by the orchestrator itself (valueFrom in the definition): leave it out`,
      });
    } else {
      const text = toText(value, parameter.parameterType);
      if (text === undefined) {
        mistyped.add(name);
        problems.push({
          path,
          code: 'wrongType',
          message: `${name} must be ${describe(parameter)}`,
          allowed: describe(parameter),
        });
      } else values.set(name, { text, path });
    }
  }

  const checked: CheckedParameters = {
    parameters: [],
    secrets: Object.create(null) as Record<string, string>,
    problems,
  };
  let total = 0;
  for (const parameter of definition.scriptParameters) {
    const name = parameter.parameterName;
    const secret = parameter.parameterType === 'secret';
    const entry =
      values.get(name) ??
      (parameter.default === undefined ? undefined : { text: String(parameter.default), path: pointer(base) });
    if (entry === undefined) {
      if (parameter.valueFrom !== undefined) checked.parameters.push({ name, secret: true });
      else if (parameter.required && !mistyped.has(name)) {
        problems.push({
          path: pointer(base),
          code: 'required',
          message: `${name} is missing: it must be ${describe(parameter)}`,
          allowed: describe(parameter),
        });
      }
      continue;
    }
    total += Buffer.byteLength(entry.text);
    problems.push(...checkValue(parameter, entry.text).map((problem) => ({ path: entry.path, ...problem })));
    if (secret) checked.secrets[name] = entry.text;
    checked.parameters.push(secret ? { name, secret } : { name, value: entry.text, secret });
  }
  if (total > limits.valuesBytes) {
    problems.push({
      path: pointer(base),
      code: 'tooLong',
      // Begins with no name, for a parameter may have any.
      message: `${total} bytes are too much for all values together: at most ${limits.valuesBytes} can be passed`,
      allowed: { maximum: limits.valuesBytes },
    });
  }
  return checked;
}

/** Problems of one value, without the path. Messages never contain the value: it may be secret. */
export function checkValue(parameter: TaskParameter, text: string): Omit<Problem, 'path'>[] {
  const { parameterName: name, parameterType: type } = parameter;
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.valueBytes) {
    return [
      {
        code: 'tooLong',
        message: `${name} has ${bytes} bytes: at most ${limits.valueBytes} fit into an environment variable; pass a reference to larger input`,
        allowed: { maximum: limits.valueBytes },
      },
    ];
  }
  if (controlCharacter.test(text) && type !== 'secret') {
    return [
      {
        code: 'invalidCharacter',
        message: `${name} has a control character: only tab and newline are allowed; encode other bytes, with base64 for instance`,
      },
    ];
  }
  if (text.includes('\0'))
    return [
      { code: 'invalidCharacter', message: `${name} has a NUL character, which no environment variable can hold` },
    ];
  if (!text.isWellFormed())
    return [{ code: 'invalidCharacter', message: `${name} has half of a surrogate pair, which UTF-8 cannot hold` }];
  if ((type === 'int' || type === 'integer') && intPattern.test(text) && !Number.isSafeInteger(Number(text)))
    return [{ code: 'wrongType', message: `${name} must be ${safeIntegers}`, allowed: safeIntegers }];
  if (!hasType(type, text))
    return [{ code: 'wrongType', message: `${name} must be ${describe(parameter)}`, allowed: describe(parameter) }];

  const problems: Omit<Problem, 'path'>[] = [];
  const { minLength, maxLength, minimum, maximum, pattern } = parameter;
  const length = Array.from(text).length;
  if (parameter.enum !== undefined && !parameter.enum.some((allowed) => String(allowed) === text)) {
    problems.push({
      code: 'notAllowed',
      message: `${name} must be ${describe(parameter)}`,
      allowed: parameter.enum,
    });
  }
  if (minLength !== undefined && length < minLength)
    problems.push({
      code: 'tooShort',
      message: `${name} must have at least ${counted(minLength, 'character')}`,
      allowed: { minLength },
    });
  if (maxLength !== undefined && length > maxLength)
    problems.push({
      code: 'tooLong',
      message: `${name} must have at most ${counted(maxLength, 'character')}`,
      allowed: { maxLength },
    });
  if (minimum !== undefined && Number(text) < minimum)
    problems.push({ code: 'tooSmall', message: `${name} must be at least ${minimum}`, allowed: { minimum } });
  if (maximum !== undefined && Number(text) > maximum)
    problems.push({ code: 'tooLarge', message: `${name} must be at most ${maximum}`, allowed: { maximum } });
  if (pattern !== undefined && !RE2JS.compile(pattern).matcher(text).find()) {
    problems.push({ code: 'patternMismatch', message: `${name} must match the pattern ${pattern}`, allowed: pattern });
  }
  return problems;
}

/** Said only to whoever comes near it: everybody else wants to know that a whole number is meant. */
const safeIntegers = `a whole number between ${Number.MIN_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`;

/** What a parameter takes, in words. */
function describe(parameter: TaskParameter): string {
  if (parameter.enum !== undefined) return `one of ${parameter.enum.map(String).join(', ')}`;
  switch (parameter.parameterType) {
    case 'int':
    case 'integer':
      return `a whole number${boundsOf(parameter) ?? ', such as 42'}`;
    case 'number':
      return `a number${boundsOf(parameter) ?? ', such as 4.2'}`;
    case 'boolean':
      return 'true or false';
    case 'json':
      return 'JSON, such as {"a": 1}';
    case 'string':
    case 'secret':
      return 'a string';
  }
}

/** In place of an example, which could be out of them; undefined where there are none. */
function boundsOf({ minimum, maximum }: TaskParameter): string | undefined {
  if (minimum === undefined) return maximum === undefined ? undefined : `, at most ${maximum}`;
  return maximum === undefined ? `, at least ${minimum}` : ` between ${minimum} and ${maximum}`;
}

function toText(
  value: RunRequest['parameters'][number]['value'],
  type: TaskParameter['parameterType'],
): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return type === 'json' ? JSON.stringify(value) : undefined;
}

function hasType(type: TaskParameter['parameterType'], text: string): boolean {
  switch (type) {
    case 'string':
    case 'secret':
      return true;
    case 'int':
    case 'integer':
      return intPattern.test(text) && Number.isSafeInteger(Number(text));
    case 'number':
      return numberPattern.test(text) && Number.isFinite(Number(text));
    case 'boolean':
      return text === 'true' || text === 'false';
    case 'json':
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
  }
}

function unknownMessage(taskName: string, name: string, declared: ReadonlyMap<string, TaskParameter>): string {
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  const sameLetters = [...declared.keys()].find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  if (sameLetters !== undefined) return `${taskName} has no parameter ${shown}; did you mean ${sameLetters}?`;
  return declared.size === 0
    ? `${taskName} takes no parameters`
    : `${taskName} has no parameter ${shown}; it has ${[...declared.keys()].join(', ')}`;
}
