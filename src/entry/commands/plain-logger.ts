import type { Logger } from '../../core/logger.ts';
import type { Io } from '../terminal/io.ts';
import { printable } from '../terminal/style.ts';

/** For a server that a person started by hand and looks at: warnings and errors, in words. */
export function plainLogger(io: Io): Logger {
  const say = (kind: string, details: object, message: string): void => {
    const cause = 'err' in details && details.err instanceof Error ? `: ${details.err.message}` : '';
    io.note(`${kind} ${printable(message)}${printable(cause)}`);
  };
  return {
    debug: () => {},
    info: (_, message) => io.note(printable(message)),
    warn: (details, message) => say(io.noteStyle.yellow('warning:'), details, message),
    error: (details, message) => say(io.noteStyle.red('error:'), details, message),
  };
}
