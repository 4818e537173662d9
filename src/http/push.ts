import { ErrandError, type Problem } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { emptyBody, invalidRequest, readBytes, readJson, refuseEncoding, type BodyOptions } from './body.ts';
import { parseJson } from './json.ts';

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
  return readForm(await parseForm(bytes, contentType));
}

async function parseForm(bytes: Uint8Array, contentType: string): Promise<FormData> {
  try {
    return await new Response(bytes, { headers: { 'Content-Type': contentType } }).formData();
  } catch (cause) {
    throw new ErrandError(
      'invalidRequest',
      'the body is not a form: send multipart/form-data with the parts "definition" and "executable"',
      { cause },
    );
  }
}

async function readForm(form: FormData): Promise<Push> {
  const problems: Problem[] = [];
  for (const name of new Set(form.keys())) {
    if (name !== 'definition' && name !== 'executable')
      problems.push({
        path: `/${name.slice(0, 80)}`,
        code: 'unknownField',
        message: `${name.slice(0, 80)} is not a part of this form`,
        allowed: ['definition', 'executable'],
      });
    else if (form.getAll(name).length > 1)
      problems.push({ path: `/${name}`, code: 'duplicate', message: `${name} is given twice: leave one out` });
  }
  const definition = await bytesOf(form.get('definition'));
  const executable = await bytesOf(form.get('executable'));
  if (definition === undefined)
    problems.push({
      path: '/definition',
      code: 'required',
      message: 'the part "definition" is missing: it is the task definition as JSON',
    });
  else if (definition.length > limits.bodyBytes)
    throw new ErrandError(
      'bodyTooLarge',
      `the definition has ${definition.length} bytes: at most ${limits.bodyBytes} are taken`,
    );
  if (executable !== undefined && executable.length === 0)
    problems.push({ path: '/executable', code: 'tooShort', message: 'the executable is empty' });
  if (executable !== undefined && executable.length > limits.executableBytes)
    throw new ErrandError(
      'bodyTooLarge',
      `the executable has ${executable.length} bytes: at most ${limits.executableBytes} are taken`,
    );
  if (definition === undefined || problems.length > 0) throw invalidRequest(problems);
  return { document: withoutProblems(parseJson(definition)), executable };
}

async function bytesOf(part: ReturnType<FormData['get']>): Promise<Uint8Array | undefined> {
  if (part === null) return undefined;
  return typeof part === 'string' ? Buffer.from(part) : new Uint8Array(await part.arrayBuffer());
}

function withoutProblems({ value, problems }: { value: unknown; problems: Problem[] }): unknown {
  if (problems.length === 0) return value;
  throw new ErrandError('invalidDefinition', problems.map(({ message }) => message).join('; '), { problems });
}
