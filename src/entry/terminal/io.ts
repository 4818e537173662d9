import { once } from 'node:events';
import type { ReadStream, WriteStream } from 'node:tty';
import { systemClock, type Clock } from '../../core/clock.ts';
import type { Environment } from '../config.ts';
import { styleFor, type Style } from './style.ts';

/** What a command has to do with the world around it. */
export interface Io {
  environment: Environment;
  clock: Clock;
  stdin: ReadStream;
  /** JSON lines instead of tables: asked for, or standard output is no terminal. */
  json: boolean;
  /** Asked for by name, not only because output is piped. */
  jsonAsked: boolean;
  /** Standard error is a terminal: there is somebody to show progress to. */
  watched: boolean;
  /** Columns of the terminal that standard error is shown on. */
  width: number;
  /** For standard output. */
  style: Style;
  /** For standard error. */
  noteStyle: Style;
  /** From `--url`. */
  url: string | undefined;
  /** Writes to standard output as it is, and waits while the reader is slow. */
  write(text: string | Uint8Array): Promise<void>;
  /** One line of text to standard output. */
  line(text?: string): Promise<void>;
  /** One value to standard output, as a line of JSON. */
  record(value: unknown): Promise<void>;
  /** Diagnostics: one or more lines to standard error. */
  note(text: string): void;
  /** To standard error as it is: progress, prompts. */
  noteRaw(text: string): void;
  /** Calls back on Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(handler: () => void): () => void;
}

export interface IoOptions {
  environment: Environment;
  json: boolean;
  noColor: boolean;
  url: string | undefined;
}

export function processIo({ environment, json, noColor, url }: IoOptions): Io {
  const { stdin, stdout, stderr } = process as { stdin: ReadStream; stdout: WriteStream; stderr: WriteStream };
  const write = async (text: string | Uint8Array): Promise<void> => {
    if (!stdout.write(text)) await once(stdout, 'drain');
  };
  return {
    environment,
    clock: systemClock,
    stdin,
    json: json || !stdout.isTTY,
    jsonAsked: json,
    watched: stderr.isTTY,
    // A terminal of unknown width says 0.
    width: stderr.columns || 80,
    style: styleFor(stdout, environment, noColor),
    noteStyle: styleFor(stderr, environment, noColor),
    url,
    write,
    line: (text = '') => write(`${text}\n`),
    record: (value) => write(`${JSON.stringify(value)}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    noteRaw: (text) => void stderr.write(text),
    onInterrupt: (handler) => {
      process.on('SIGINT', handler);
      return () => void process.off('SIGINT', handler);
    },
  };
}
