import type { z } from 'zod';
import type { Problem } from '../contract/errors.ts';

/** A JSON Pointer (RFC 6901). */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The problems that zod found, each with a code of ours and what would be allowed. */
export function problemsOf(error: z.ZodError): Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue));
}

function problemsOfIssue(issue: z.core.$ZodIssue): Problem[] {
  const path = pointer(issue.path);
  const where = path === '' ? 'the document' : path;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: pointer([...issue.path, key]),
        code: 'unknownField',
        message: `${key} is not a field here: check its spelling, or leave it out`,
      }));
    case 'invalid_type':
      if (issue.input === undefined)
        return [{ path, code: 'required', message: `${where} is missing`, allowed: issue.expected }];
      return [
        { path, code: 'wrongType', message: `${where} must be of type ${issue.expected}`, allowed: issue.expected },
      ];
    case 'invalid_value':
      if (issue.input === undefined)
        return [{ path, code: 'required', message: `${where} is missing`, allowed: issue.values }];
      return [
        {
          path,
          code: 'notAllowed',
          message: `${where} must be one of ${issue.values.map(String).join(', ')}`,
          allowed: issue.values,
        },
      ];
    case 'invalid_format':
      return [
        {
          path,
          code: formatCode(issue.path),
          message: `${where} ${formOf(issue.path)}`,
          allowed: 'pattern' in issue ? issue.pattern : issue.format,
        },
      ];
    case 'invalid_key':
      return [
        {
          path,
          code: 'invalidName',
          message: `${where} is not a name that can be used here`,
          allowed: issue.issues.map((inner) => ('pattern' in inner ? inner.pattern : inner.message)).join('; '),
        },
      ];
    case 'too_big':
      return [
        {
          path,
          code: issue.origin === 'string' || issue.origin === 'array' ? 'tooLong' : 'tooLarge',
          message: `${where} ${bound('most', issue.origin, Number(issue.maximum))}`,
          allowed: { maximum: Number(issue.maximum) },
        },
      ];
    case 'too_small':
      return [
        {
          path,
          code: issue.origin === 'string' || issue.origin === 'array' ? 'tooShort' : 'tooSmall',
          message: `${where} ${bound('least', issue.origin, Number(issue.minimum))}`,
          allowed: { minimum: Number(issue.minimum) },
        },
      ];
    case 'invalid_union':
      if (issue.input === undefined) return [{ path, code: 'required', message: `${where} is missing` }];
      return (
        nearestProblems(issue) ?? [
          {
            path,
            code: 'wrongType',
            message: `${where} is of none of the types that are taken here`,
            allowed: 'string, number or boolean',
          },
        ]
      );
    default:
      return [{ path, code: 'notAllowed', message: `${where}: ${issue.message}` }];
  }
}

/** Of a value that may have several forms: what is wrong in the one that it has. Undefined where it has none of them. */
function nearestProblems({ path, errors }: z.core.$ZodIssueInvalidUnion): Problem[] | undefined {
  const isOther = (issue: z.core.$ZodIssue) => issue.path.length === 0 && issue.code === 'invalid_type';
  const nearest = errors.find((issues) => issues.length > 0 && !issues.some(isOther));
  return nearest?.flatMap((issue) => problemsOfIssue({ ...issue, path: [...path, ...issue.path] }));
}

/** `must have at most 3 entries`: what is counted is said, for a bare number would be taken for the value's own. */
function bound(way: 'least' | 'most', origin: string, limit: number): string {
  if (origin === 'string') return `must have at ${way} ${counted(limit, 'character')}`;
  if (origin === 'array') return `must have at ${way} ${counted(limit, 'entry', 'entries')}`;
  return `must be at ${way} ${limit}`;
}

/** `1 character`, `2 characters`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What the patterns of the contract say, in words. */
const forms: Readonly<Record<string, string>> = {
  taskName: 'letters, digits, inner hyphens and underscores, at most 63',
  scriptName: 'one file name of letters, digits, dots, hyphens and underscores, no dot or hyphen first, at most 128',
  parameterName: 'letters, digits and inner underscores, a letter first, at most 63',
  dockerImage: 'the name of an image, such as alpine:3 or registry.example.org/team/tool:1.4',
  sha256: '64 hexadecimal digits in lower case',
  identity: 'the resource id of an identity, /subscriptions/…/userAssignedIdentities/…',
  valueFrom: 'env:ERRAND_SECRET_… or file:…, a name of at most 128 characters',
};

function formOf(path: readonly PropertyKey[]): string {
  const field = String(path.at(-1));
  const form = Object.hasOwn(forms, field) ? forms[field] : undefined;
  return form === undefined ? 'has characters or a form that is not allowed' : `must be ${form}`;
}

/** Names get a code of their own, since what to do about them is another thing than about a malformed value. */
function formatCode(path: readonly PropertyKey[]): Problem['code'] {
  const field = path.at(-1);
  if (field === 'dockerImage') return 'invalidImage';
  return field === 'taskName' || field === 'scriptName' || field === 'parameterName'
    ? 'invalidName'
    : 'patternMismatch';
}

/** One line for people, from all the problems. */
export function summary(problems: readonly Problem[]): string {
  const [first] = problems;
  if (first === undefined) return 'no problem';
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  return `${first.message}${more}`;
}
