import { parseArgs } from 'node:util';
import { suggest } from './suggest.ts';
import { UsageError } from './usage-error.ts';

export interface OptionSpec {
  type: 'string' | 'boolean';
  short?: string;
  /** May be given again and again. */
  multiple?: true;
  /** What the value is called in the help: `Name=value`. */
  value?: string;
  /** One line for the help. */
  about: string;
}

export type Options = Readonly<Record<string, OptionSpec>>;

export type Values<O extends Options> = {
  [K in keyof O]: O[K] extends { type: 'boolean' }
    ? boolean
    : O[K] extends { multiple: true }
      ? string[]
      : string | undefined;
};

export interface Arguments<O extends Options> {
  values: Values<O>;
  positionals: string[];
}

/** Taken by every command, before or after its name. */
export const commonOptions = {
  url: { type: 'string', value: 'url', about: 'The server; otherwise $ERRAND_URL, otherwise http://127.0.0.1:7070' },
  json: { type: 'boolean', about: 'JSON lines, also on a terminal' },
  'no-color': { type: 'boolean', about: 'No colors; so does $NO_COLOR' },
  help: { type: 'boolean', short: 'h', about: 'This text' },
} as const satisfies Options;

/**
 * Reads a command line. Node's own parser splits it; its lenient mode, since the strict one names neither the option that was probably
 * meant nor where help is. Throws {@link UsageError}.
 */
export function readArguments<const O extends Options>(
  args: readonly string[],
  options: O,
  helpCommand: string,
): Arguments<O> {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, short }]) => [
        name,
        { type, multiple: true, ...(short === undefined ? {} : { short }) },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const found = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (spec === undefined) throw new UsageError(unknownOption(token.rawName, options, helpCommand));
    const value = checkedValue(token.rawName, spec, token.value, token.inlineValue === true, options);
    const earlier = found.get(token.name) ?? [];
    if (earlier.length > 0 && spec.type === 'string' && spec.multiple === undefined) {
      throw new UsageError(`${token.rawName} is given twice: leave one out.`);
    }
    found.set(token.name, [...earlier, value]);
  }
  const values = Object.fromEntries(
    Object.entries(options).map(([name, { type, multiple }]) => {
      const given = found.get(name) ?? [];
      if (type === 'boolean') return [name, given.length > 0];
      return [name, multiple === true ? given : given[0]];
    }),
  );
  return { values: values as Values<O>, positionals };
}

function checkedValue(
  rawName: string,
  spec: OptionSpec,
  value: string | undefined,
  inline: boolean,
  options: Options,
): string {
  if (spec.type === 'boolean') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value: write ${rawName} alone.`);
    return '';
  }
  const form = `${rawName} ${spec.value ?? 'value'}`;
  if (value === undefined) throw new UsageError(`${rawName} needs a value: write ${form}.`);
  if (!inline && isOption(value, options)) {
    throw new UsageError(`${rawName} needs a value, but ${value} follows: write ${form}.`);
  }
  return value;
}

function isOption(text: string, options: Options): boolean {
  if (text.startsWith('--')) return Object.hasOwn(options, text.slice(2).split('=', 1)[0] ?? '');
  return /^-[A-Za-z]$/.test(text) && Object.values(options).some(({ short }) => short === text[1]);
}

function unknownOption(rawName: string, options: Options, helpCommand: string): string {
  const meant = suggest(rawName.replace(/^-+/, ''), Object.keys(options));
  const hint = meant === undefined ? `"${helpCommand} --help" lists the options` : `did you mean --${meant}?`;
  return `There is no option ${rawName}: ${hint}${meant === undefined ? '.' : ''}`;
}

/** `Name=value`, split at the first equals sign. */
export function splitPair(text: string, option: string, form: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals < 1)
    throw new UsageError(`${option} ${text} has no ${equals === 0 ? 'name' : 'equals sign'}: write ${option} ${form}.`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
