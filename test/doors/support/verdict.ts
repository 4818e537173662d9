import type { Plan } from '../../../src/contract/run.ts';

/** What a door says of a question, in the same words for all doors. */
export interface Verdict {
  /** `accepted`, or the code of the error. */
  code: string;
  /** Of each problem its code and what it is about, sorted: `wrongType "Count"`. */
  problems: readonly string[];
  /** The same with the message. */
  messages: readonly string[];
  /** What would be run with, where it is accepted: secrets without their values. */
  parameters: Plan['parameters'] | undefined;
}

interface SaidProblem {
  path: string;
  code: string;
  message: string;
}

type Named = readonly { parameterName?: unknown }[];

export const acceptedCode = 'accepted';

export function accepted(parameters: Plan['parameters']): Verdict {
  return { code: acceptedCode, problems: [], messages: [], parameters };
}

export function refused(
  code: string,
  problems: readonly SaidProblem[],
  subjectOf: (problem: SaidProblem) => string,
): Verdict {
  const said = problems.map((problem) => {
    const short = `${problem.code} ${subjectOf(problem)}`;
    // The place in the list is another where a door has another order.
    const message = problem.message.replace(/^\/parameters\/\d+\/(?:name|value)/, '');
    return { short, full: `${short}: ${message}` };
  });
  return {
    code,
    problems: said.map(({ short }) => short).toSorted(),
    messages: said.map(({ full }) => full).toSorted(),
    parameters: undefined,
  };
}

/**
 * Which parameter a problem is about. The place of one that was given is in the path; one that is missing is named at the beginning of the message. What is
 * about none keeps its path.
 */
export function subjects(sent: readonly { name: string }[], declared: Named): (problem: SaidProblem) => string {
  return ({ path, message }) => {
    const [, index, rest = ''] = /^\/parameters\/(\d+)\/(?:name|value)(\/.*)?$/.exec(path) ?? [];
    if (index !== undefined) return `${JSON.stringify(sent[Number(index)]?.name)}${rest}`;
    return (path === '/parameters' ? missingOne(message, declared) : undefined) ?? path;
  };
}

/** The same for the tools of an agent, which are given an object of arguments. */
export function argumentSubjects(declared: Named): (problem: SaidProblem) => string {
  return ({ path, message }) => {
    if (path === '/arguments') return missingOne(message, declared) ?? '/parameters';
    const [, name] = /^\/arguments\/([^/]*)$/.exec(path) ?? [];
    return name === undefined ? path : JSON.stringify(name.replaceAll('~1', '/').replaceAll('~0', '~'));
  };
}

function missingOne(message: string, declared: Named): string | undefined {
  const name = declared
    .map(({ parameterName }) => String(parameterName))
    .find((each) => message.startsWith(`${each} `));
  return name === undefined ? undefined : JSON.stringify(name);
}
