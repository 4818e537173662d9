import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ErrandError } from '../../contract/errors.ts';
import { limits } from '../../contract/limits.ts';
import type { TaskDefinition } from '../../contract/task-definition.ts';
import { checkDefinition } from '../../core/check-definition.ts';
import { fileProblem } from '../terminal/file-problem.ts';
import { UsageError } from '../terminal/usage-error.ts';

/** A task as it lies on disk, checked and ready to be pushed. */
export interface LocalTask {
  /** Path of the definition, as it was given. */
  file: string;
  definition: TaskDefinition;
  /** As written, with `sha256` filled in. */
  document: Readonly<Record<string, unknown>>;
  executable: Uint8Array<ArrayBuffer>;
  sha256: string;
  /** What its author should know, though it can be pushed. */
  warnings: string[];
}

/** Paths of the definitions that `path`, a folder or a file, stands for. Throws `UsageError` where there is none. */
export async function definitionFiles(path: string): Promise<string[]> {
  if (!(await statOf(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  const documents = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map(({ name }) => join(path, name));
  const found: string[] = [];
  for (const file of documents.toSorted()) if (await looksLikeDefinition(file)) found.push(file);
  // A folder with a single document means that one, so that a mistake in it is named rather than passed over.
  const [only] = documents;
  if (found.length === 0 && documents.length === 1 && only !== undefined) return [only];
  if (found.length > 0) return found;
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  const below =
    folders.length > 0
      ? ` Task folders below it are pushed by name: errand push ${folders[0] ?? ''}`
      : ` "errand init" makes a folder that has one.`;
  throw new UsageError(`${path} has no task definition (a JSON document with taskName).${below}`);
}

async function statOf(path: string): Promise<Stats> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new UsageError(`There is no file or folder ${path}: "errand init ${path}" makes a task folder.`);
    throw error;
  });
}

const skipped = new Set(['node_modules']);

/** Paths of all definitions in a folder and the folders below it; names that begin with a dot are passed over. Throws `UsageError` where there is none. */
export async function definitionsBelow(folder: string): Promise<string[]> {
  if (!(await statOf(folder)).isDirectory())
    throw new UsageError(`${folder} is a file: give the folder that has the tasks.`);
  const found: string[] = [];
  const waiting = [folder];
  for (const path of waiting) {
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const below = join(path, entry.name);
      if (entry.name.startsWith('.') || skipped.has(entry.name)) continue;
      if (entry.isDirectory()) waiting.push(below);
      else if (entry.isFile() && entry.name.endsWith('.json') && (await looksLikeDefinition(below))) found.push(below);
    }
  }
  if (found.length === 0)
    throw new UsageError(
      `${folder} has no task definition (a JSON document with taskName), nor has any folder below it: nothing was changed.`,
    );
  return found;
}

/** Reads a definition and the executable beside it. Throws `invalidDefinition` with all problems, or `executableMissing`. */
export async function readTask(file: string): Promise<LocalTask> {
  const document = await readDocument(file);
  const { definition, problems } = checkDefinition(document);
  if (problems !== undefined) {
    throw new ErrandError('invalidDefinition', `${file} is not a valid task definition; nothing was pushed.`, {
      problems,
    });
  }
  const { scriptName } = definition;
  const path = join(dirname(file), scriptName);
  const { bytes, mode } = await readExecutable(path, file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (definition.sha256 !== undefined && definition.sha256 !== sha256) {
    const message = `sha256 is not that of ${path}, which has ${sha256}: leave the field out, and push writes it; or push the file that was meant`;
    throw new ErrandError('invalidDefinition', `${file} belongs to another executable; nothing was pushed.`, {
      problems: [{ path: '/sha256', code: 'inconsistent', message, allowed: sha256 }],
    });
  }
  return {
    file,
    definition,
    document: { ...document, sha256 },
    executable: bytes,
    sha256,
    warnings: warningsOf(path, bytes, mode),
  };
}

async function readDocument(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read: ${fileProblem(error)}.`);
  });
  const document = parse(text, file);
  if (isObject(document)) return document;
  throw new ErrandError(
    'invalidDefinition',
    `${file} is JSON, but no object: a task definition is { "taskName": …, … }. Nothing was pushed.`,
  );
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text.startsWith('\u{feff}') ? text.slice(1) : text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ErrandError('invalidDefinition', `${file} is not JSON: ${why}. Nothing was pushed.`, { cause });
  }
}

async function readExecutable(path: string, file: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; mode: number }> {
  try {
    const info = await stat(path);
    if (info.size > limits.executableBytes) {
      throw new ErrandError(
        'bodyTooLarge',
        `${path} has ${info.size} bytes: an executable may have at most ${limits.executableBytes}. Put what is large into the image, or fetch it from the task.`,
      );
    }
    return { bytes: new Uint8Array(await readFile(path)), mode: info.mode };
  } catch (cause) {
    if (cause instanceof ErrandError) throw cause;
    const gone = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const why = gone ? 'is not there' : `cannot be read (${fileProblem(cause)})`;
    throw new ErrandError(
      'executableMissing',
      `${file} names the executable ${basename(path)}, but ${path} ${why}. Put it beside the definition, or mend scriptName.`,
      { cause },
    );
  }
}

const runBits = constants.S_IXUSR | constants.S_IXGRP | constants.S_IXOTH;
const elf = '\u007fELF';

function warningsOf(path: string, bytes: Uint8Array, mode: number): string[] {
  const warnings: string[] = [];
  if ((mode & runBits) === 0)
    warnings.push(`${path} has no run bit. The runner sets it, so the task runs; to run it here: chmod +x ${path}`);
  const start = Buffer.from(bytes.subarray(0, 256)).toString('latin1');
  const [firstLine = ''] = start.split('\n', 1);
  if (bytes.length === 0) warnings.push(`${path} is empty: the task will do nothing.`);
  else if (firstLine.startsWith('#!') && firstLine.endsWith('\r')) {
    warnings.push(
      `The first line of ${path} ends with a carriage return (Windows line ends): no system finds that interpreter, and runs will fail with badInterpreter. Save it with Unix line ends: sed -i 's/\\r$//' ${path}`,
    );
  } else if (!start.startsWith('#!') && !start.startsWith(elf)) {
    warnings.push(
      `${path} begins with neither #! nor the mark of a program (ELF), so it is up to the image's shell what becomes of it. Give it a first line such as #!/bin/sh`,
    );
  }
  return warnings;
}

async function looksLikeDefinition(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8');
  try {
    const document: unknown = JSON.parse(text);
    return isObject(document) && ('taskName' in document || 'scriptName' in document);
  } catch (error) {
    // One that is malformed is to be named, not passed over.
    if (error instanceof SyntaxError) return /"(?:taskName|scriptName)"/.test(text);
    throw error;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
