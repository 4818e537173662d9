import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

import { errorTable, type ErrorCode } from '../../../src/contract/errors.ts';
import { operationsOf, type ApiDocument, type Operation, type Schema } from './api-document.ts';
import type { Answer } from './raw-client.ts';

export interface AnswerJudge {
  /** The operation that a request is for, if it is for one. */
  operationOf(method: string, target: string): Operation | undefined;
  /** What is wrong with an answer; undefined where nothing is. */
  judge(method: string, target: string, answer: Answer): string | undefined;
  /** The same where nobody knows what was asked. */
  judgeAny(answer: Answer): string | undefined;
}

/** Where we are, how we are built, what was given to us in secret. */
const leaks = /\bat .*\.[cm]?[jt]s:\d|\/home\/|\/tmp\/errand|node_modules|SQLITE_|\bsig=|seven77|\[object Object\]/;

const problemType = 'application/problem+json';

/** Holds answers against the OpenAPI document that the server has given out, and against what no answer may be. */
export function answerJudge(document: ApiDocument): AnswerJudge {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ ...document, $id: 'api:/openapi' });
  const validators = new Map<Schema, ValidateFunction>();
  const operations = operationsOf(document).map((operation) => ({
    operation,
    path: new RegExp(`^${operation.path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));

  function validator(schema: Schema): ValidateFunction {
    const known = validators.get(schema);
    if (known !== undefined) return known;
    // The whole document is one schema resource, so that references into it resolve.
    const text = JSON.stringify(schema).replaceAll('"#/', '"api:/openapi#/');
    const made = ajv.compile(JSON.parse(text) as Schema);
    validators.set(schema, made);
    return made;
  }

  function wrongWith(schema: Schema, text: string): string | undefined {
    const validate = validator(schema);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return `it is not JSON: ${String(error)}`;
    }
    return validate(value) ? undefined : `its body is not as documented: ${ajv.errorsText(validate.errors)}`;
  }

  function judgeProblem({ status, headers, body }: Answer): string | undefined {
    if (headers.get('content-type') !== problemType)
      return `it fails with ${status} as ${headers.get('content-type')}, not as ${problemType}`;
    const schema = document.components.schemas['ProblemDetails'] ?? { not: {} };
    const wrong = wrongWith(schema, body);
    if (wrong !== undefined) return wrong;
    const problem = JSON.parse(body) as { code: ErrorCode; status: number };
    if (problem.status !== status || errorTable[problem.code].status !== status)
      return `${status} is not the status of ${problem.code}`;
    return undefined;
  }

  /** Of an answer to HEAD nothing more is there to judge. */
  function judgeShown(answer: Answer): string | undefined {
    if (Number.isNaN(answer.status)) return 'it is no HTTP answer';
    if (answer.status >= 500) return `it is a ${answer.status}`;
    if (answer.headers.get('x-content-type-options') !== 'nosniff') return 'it lets browsers guess what it is';
    const leak = leaks.exec(answer.body)?.[0] ?? leaks.exec([...answer.headers.values()].join('\n'))?.[0];
    return leak === undefined ? undefined : `it shows what is nobody's business: ${leak}`;
  }

  function judgeAny(answer: Answer): string | undefined {
    return judgeShown(answer) ?? (answer.status >= 400 ? judgeProblem(answer) : undefined);
  }

  function judgeDocumented({ id, answers }: Operation, answer: Answer): string | undefined {
    const { status, headers, body } = answer;
    const documented = answers[String(status)];
    if (documented === undefined) return `${id} answers ${status}, which its document does not have`;
    const given = (headers.get('content-type') ?? '').replaceAll(' ', '');
    const contents = Object.entries(documented.content ?? {});
    if (contents.length === 0) return body === '' ? undefined : `${id} answers ${status} with a body`;
    const [, content] = contents.find(([type]) => given.startsWith(type)) ?? [];
    if (content === undefined) return `${id} answers ${status} as ${given}, which its document does not have`;
    return /json/.test(given) ? wrongWith(content.schema, body) : undefined;
  }

  /** Whether the document has something else than a problem for this failure: protocols have errors of their own. */
  function hasOwnFailure({ answers }: Operation, { status, headers }: Answer): boolean {
    const types = Object.keys(answers[String(status)]?.content ?? {});
    return types.some((type) => type !== problemType && type === headers.get('content-type'));
  }

  function operationOf(method: string, target: string): Operation | undefined {
    // Not relative to an address: that would take what follows two slashes for a host.
    const url = `http://localhost${target}`;
    if (!URL.canParse(url)) return undefined;
    const { pathname } = new URL(url);
    return operations.find(({ operation, path }) => operation.method === method && path.test(pathname))?.operation;
  }

  return {
    operationOf,
    judgeAny,
    judge: (method, target, answer) => {
      const operation = operationOf(method, target);
      const isOwn = operation !== undefined && hasOwnFailure(operation, answer);
      const general = method === 'HEAD' || isOwn ? judgeShown(answer) : judgeAny(answer);
      if (general !== undefined || method === 'HEAD') return general;
      if (answer.status < 400 && operation === undefined)
        return `it is a ${answer.status} of nothing that is documented`;
      return operation === undefined ? undefined : judgeDocumented(operation, answer);
    },
  };
}
