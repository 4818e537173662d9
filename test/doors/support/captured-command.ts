import { Readable } from 'node:stream';

import { systemClock } from '../../../src/core/clock.ts';
import type { Command } from '../../../src/entry/terminal/command.ts';
import { explain } from '../../../src/entry/terminal/failure.ts';
import type { Io } from '../../../src/entry/terminal/io.ts';
import { styleFor } from '../../../src/entry/terminal/style.ts';
import { records } from '../../entry/support/cli.ts';

export interface Captured {
  exitCode: number;
  /** What it told a program, one value a line. */
  records: unknown[];
}

/** Runs a command as `errand … --json` does, within this process: a process for each of many would take minutes. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  { environment, input = '' }: { environment: Readonly<Record<string, string>>; input?: string },
): Promise<Captured> {
  const text: string[] = [];
  const style = styleFor({}, {}, true);
  const write = async (part: string | Uint8Array): Promise<void> => {
    text.push(typeof part === 'string' ? part : Buffer.from(part).toString());
  };
  const io: Io = {
    environment,
    clock: systemClock,
    stdin: Readable.from([Buffer.from(input)]) as unknown as Io['stdin'],
    json: true,
    jsonAsked: true,
    watched: false,
    width: 80,
    style,
    noteStyle: style,
    url: undefined,
    write,
    line: (line = '') => write(`${line}\n`),
    record: (value) => write(`${JSON.stringify(value)}\n`),
    note: () => undefined,
    noteRaw: () => undefined,
    onInterrupt: () => () => undefined,
  };
  let exitCode: number;
  try {
    exitCode = await command.run(args, io);
  } catch (error) {
    const failure = explain(error, style, { hasKey: false });
    exitCode = failure.exitCode;
    await io.record(failure.record);
  }
  return { exitCode, records: records(text.join('')) };
}
