import { ErrandError, type Problem } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { pointer } from '../core/problems.ts';
import { emptyBody, invalidRequest, readBytes, readJson, refuseEncoding, type BodyOptions } from './body.ts';
import { parseJson } from './json.ts';
import { multipartForm, type Part } from './multipart.ts';

export interface Push {
  document: unknown;
  executable: Uint8Array | undefined;
}

/** How long an executable may take to arrive, in milliseconds: 256 MiB at 4 Mbit/s. */
const uploadMs = 600_000;

/** Room for the definition, the borders and the headers of the parts. */
const overheadBytes = limits.bodyBytes + 64 * 1024;

/** The body of `PUT /api/tasks/{name}`: the definition as JSON, or a form (RFC 7578) of `definition` and `executable`. */
export async function readPush(request: Request, options: BodyOptions): Promise<Push> {
  const contentType = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) {
    const body = await readJson(request, options);
    if (body === undefined) throw emptyBody();
    return { document: withoutProblems(body), executable: undefined };
  }
  refuseEncoding(request);
  const bytes = await readBytes(request, limits.executableBytes + overheadBytes, { ...options, bodyMs: uploadMs });
  const parts = multipartForm(bytes, contentType);
  if (parts !== undefined) return readForm(parts);
  const message = 'the body is not a form: send multipart/form-data with the parts "definition" and "executable"';
  throw invalidRequest([{ path: '', code: 'wrongType', message, allowed: 'multipart/form-data' }]);
}

function readForm(parts: readonly Part[]): Push {
  const problems: Problem[] = [];
  const contents = new Map<string, Uint8Array>();
  for (const { name, content } of parts) {
    const shown = name.slice(0, 80);
    if (name !== 'definition' && name !== 'executable') {
      const allowed = ['definition', 'executable'];
      problems.push({
        path: pointer([shown]),
        code: 'unknownField',
        message: `${shown} is not a part of this form`,
        allowed,
      });
    } else if (contents.has(name)) {
      problems.push({ path: pointer([name]), code: 'duplicate', message: `${name} is given twice: leave one out` });
    }
    contents.set(name, content);
  }
  const definition = contents.get('definition');
  const executable = contents.get('executable');
  if (definition === undefined) {
    const message = 'the part "definition" is missing: it is the task definition as JSON';
    problems.push({ path: '/definition', code: 'required', message });
  } else checkSize('definition', definition, limits.bodyBytes);
  if (executable !== undefined) checkSize('executable', executable, limits.executableBytes);
  if (executable?.length === 0)
    problems.push({ path: '/executable', code: 'tooShort', message: 'the executable is empty' });
  if (definition === undefined || problems.length > 0) throw invalidRequest(problems);
  return { document: withoutProblems(parseJson(definition)), executable };
}

function checkSize(name: string, { length }: Uint8Array, maximum: number): void {
  if (length > maximum)
    throw new ErrandError('bodyTooLarge', `the ${name} has ${length} bytes: at most ${maximum} are taken`);
}

function withoutProblems({ value, problems }: { value: unknown; problems: Problem[] }): unknown {
  if (problems.length === 0) return value;
  throw new ErrandError('invalidDefinition', problems.map(({ message }) => message).join('; '), { problems });
}
