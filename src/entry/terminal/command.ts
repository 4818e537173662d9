import { commonOptions, readArguments, type Arguments, type Options } from './arguments.ts';
import type { Io } from './io.ts';
import { UsageError } from './usage-error.ts';

export interface Example {
  line: string;
  about: string;
}

export interface CommandSpec<O extends Options> {
  /** As typed: `run`, `keys create`. */
  name: string;
  /** One sentence. */
  about: string;
  /** What follows the options: `<Task>`. */
  operands?: string;
  /** How many operands there may be; none by default. */
  count?: { least: number; most: number };
  options: O;
  examples: readonly Example[];
  /** Shown after the options. */
  more?: string;
  /** Resolves to the exit code. */
  run(given: Arguments<O>, io: Io): Promise<number>;
}

/** A command whose options have been forgotten, so that all of them fit into one table. */
export interface Command {
  name: string;
  about: string;
  operands: string;
  options: Options;
  examples: readonly Example[];
  more: string | undefined;
  /** Throws {@link UsageError} where the command line is wrong. */
  run(args: readonly string[], io: Io): Promise<number>;
}

export function command<const O extends Options>(spec: CommandSpec<O>): Command {
  const { name, about, operands = '', count = { least: 0, most: 0 }, options, examples, more } = spec;
  return {
    name,
    about,
    operands,
    options,
    examples,
    more,
    run: (args, io) => {
      const { values, positionals } = readArguments(args, { ...options, ...commonOptions }, `errand ${name}`);
      const first = examples[0] === undefined ? '' : ` For example: ${examples[0].line}`;
      const form = `errand ${name}${operands === '' ? '' : ` ${operands}`}`;
      if (positionals.length < count.least) {
        throw new UsageError(`"errand ${name}" needs ${operands}: write ${form}.${first}`);
      }
      if (positionals.length > count.most) {
        const extra = positionals.slice(count.most).join(' ');
        throw new UsageError(`"errand ${name}" cannot use "${extra}": write ${form}.${first}`);
      }
      return spec.run({ values, positionals }, io);
    },
  };
}
