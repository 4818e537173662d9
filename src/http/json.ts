import { ErrandError, type Problem } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { pointer } from '../core/problems.ts';

/**
 * Parses JSON from outside. Depth and keys are counted before anything is built, and without recursion, so that no body can exhaust the stack.
 * Objects get no prototype. A `__proto__` key is a problem rather than an error, so that it is told together with the others.
 */
export function parseJson(bytes: Uint8Array): { value: unknown; problems: Problem[] } {
  const text = decode(bytes);
  checkShape(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ErrandError('invalidJson', `the body is not JSON${where(cause)}`, { cause });
  }
  const problems: Problem[] = [];
  return { value: withoutPrototypes(value, [], problems), problems };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ErrandError('invalidJson', 'the body is not UTF-8: encode it so', { cause });
  }
}

/** The parser's own message quotes the body, which may hold secrets; only its place is told. */
function where(cause: unknown): string {
  const position = /at position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1];
  return position === undefined
    ? ': check its quotes, commas and brackets, and whether it is complete'
    : `: there is an error at character ${Number(position) + 1}`;
}

function checkShape(text: string): void {
  let depth = 0;
  let keys = 0;
  for (let index = 0; index < text.length; index += 1) {
    switch (text[index]) {
      case '"':
        index = endOfString(text, index);
        break;
      case '{':
      case '[':
        depth += 1;
        if (depth > limits.bodyDepth)
          throw new ErrandError(
            'bodyTooDeep',
            `the body is nested more than ${limits.bodyDepth} deep: pass deeper JSON as a string`,
          );
        break;
      case '}':
      case ']':
        depth -= 1;
        break;
      case ':':
        keys += 1;
        if (keys > limits.bodyKeys)
          throw new ErrandError(
            'tooManyKeys',
            `the body has more than ${limits.bodyKeys} keys: pass larger JSON as a string`,
          );
        break;
      default:
    }
  }
}

/** Index of the closing quote, or of the end where there is none. */
function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === '"') return index;
  }
  return text.length;
}

/** Recursion is bounded: {@link checkShape} has seen to the depth. */
function withoutPrototypes(value: unknown, path: readonly PropertyKey[], problems: Problem[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => withoutPrototypes(item, [...path, index], problems));
  if (value === null || typeof value !== 'object') return value;
  const bare = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__')
      problems.push({
        path: pointer([...path, key]),
        code: 'unknownField',
        message: '__proto__ is not a field: leave it out',
      });
    else bare[key] = withoutPrototypes(item, [...path, key], problems);
  }
  return bare;
}
