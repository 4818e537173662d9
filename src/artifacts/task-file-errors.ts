import { ErrandError } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';
import { scriptNamePattern } from '../contract/names.ts';

/** Throws for what is no name of a file beside the task definitions: one plain segment. */
export function checkTaskFileName(name: string): void {
  if (scriptNamePattern.test(name)) return;
  throw new ErrandError(
    'invalidDefinition',
    `${JSON.stringify(name.slice(0, 200))} is no file name here. Use letters, digits, ".", "_" and "-", and begin with a letter, a digit or "_".`,
  );
}

/** Throws for a file larger than an executable may be. */
export function checkTaskFileSize(name: string, bytes: number): void {
  if (bytes <= limits.executableBytes) return;
  throw new ErrandError(
    'bodyTooLarge',
    `${name} has ${bytes} bytes; at most ${limits.executableBytes} are taken. Let the task fetch large data itself.`,
  );
}
