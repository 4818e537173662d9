#!/usr/bin/env node
import { once } from 'node:events';
import { commandTable, type Entry } from './commands/table.ts';
import { clientConfig, environment } from './config.ts';
import { packageVersion } from './package-root.ts';
import { commonOptions, readArguments } from './terminal/arguments.ts';
import { exitCodes } from './terminal/exit-codes.ts';
import { fileProblem } from './terminal/file-problem.ts';
import { commandHelp, groupHelp, overview } from './terminal/help.ts';
import { processIo } from './terminal/io.ts';
import { styleFor } from './terminal/style.ts';
import { didYouMean, suggest } from './terminal/suggest.ts';
import { UsageError } from './terminal/usage-error.ts';

const leastNode = 24;

const ownOptions = { ...commonOptions, version: { type: 'boolean', short: 'V', about: 'The version' } } as const;

/** Splits `errand [options] command …`: options before the command count as if they came after it. */
function splitCommand(args: readonly string[]): { before: string[]; words: string[] } {
  const at = args.findIndex((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--url');
  return at === -1 ? { before: [...args], words: [] } : { before: args.slice(0, at), words: args.slice(at) };
}

/** The commands whose first word this is, where it is none by itself. */
function groupOf(word: string): readonly Entry[] {
  return commandTable.filter(({ name }) => name.startsWith(`${word} `));
}

/** A command's name may have two words. */
function findCommand(words: readonly string[]): { entry: Entry; rest: readonly string[] } {
  for (const length of [2, 1]) {
    const entry = commandTable.find(({ name }) => name === words.slice(0, length).join(' '));
    if (entry !== undefined) return { entry, rest: words.slice(length) };
  }
  const [given = '', next] = words;
  const inGroup = groupOf(given).map(({ name }) => name);
  if (inGroup.length > 0) {
    const all = inGroup.map((name) => `errand ${name}`).join(', ');
    if (next === undefined || next.startsWith('-'))
      throw new UsageError(`"errand ${given}" needs one more word: ${all}.`);
    const one = suggest(
      next,
      inGroup.map((name) => name.slice(given.length + 1)),
    );
    const hint = one === undefined ? `: there are ${all}.` : `; did you mean errand ${given} ${one}?`;
    throw new UsageError(`There is no command ${given} ${next}${hint}`);
  }
  const meant = didYouMean(
    given,
    commandTable.map(({ name }) => name),
  );
  throw new UsageError(
    meant === ''
      ? `There is no command ${given}: "errand --help" lists them all.`
      : `There is no command ${given}${meant}`,
  );
}

async function main(args: readonly string[]): Promise<number> {
  const { before, words } = splitCommand(args);
  const jsonAsked = args.includes('--json');
  const noColor = args.includes('--no-color');
  try {
    if (Number(process.versions.node.split('.')[0]) < leastNode) {
      throw new UsageError(
        `Errand needs Node ${leastNode} or later, and this is ${process.version}: install a newer one.`,
      );
    }
    const { values } = readArguments(before, ownOptions, 'errand');
    const style = styleFor(process.stdout, environment, noColor);
    if (values.version) return await print(`${packageVersion()}\n`);
    if (words.length === 0 || words[0] === 'help') {
      if (words.length < 2) return await print(overview(commandTable, style));
      const group = words.length === 2 ? groupOf(words[1] ?? '') : [];
      if (group.length > 0) return await print(groupHelp(group, style));
      return await print(commandHelp(await findCommand(words.slice(1)).entry.load(), style));
    }
    const group = words.length === 2 && isHelp(words[1]) ? groupOf(words[0] ?? '') : [];
    if (group.length > 0) return await print(groupHelp(group, style));
    const { entry, rest } = findCommand(words);
    const command = await entry.load();
    const common = readArguments(
      [...before, ...rest],
      { ...command.options, ...commonOptions },
      `errand ${entry.name}`,
    ).values;
    if (common.help) return await print(commandHelp(command, style));
    const io = processIo({ environment, json: common.json, noColor: common['no-color'], url: common.url });
    return await command.run([...before, ...rest], io);
  } catch (error) {
    const { explain } = await import('./terminal/failure.ts');
    const failure = explain(error, styleFor(process.stderr, environment, noColor), {
      hasKey: clientConfig(environment).apiKey !== undefined,
    });
    process.stderr.write(failure.text);
    if (jsonAsked) await print(`${JSON.stringify(failure.record)}\n`);
    return failure.exitCode;
  }
}

function isHelp(word: string | undefined): boolean {
  return word === '--help' || word === '-h';
}

async function print(text: string): Promise<number> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  return exitCodes.done;
}

/** `errand runs | head -1` closes the pipe early, which is no failure of ours; a full disk is one, and has to be said. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.done);
  process.stderr.write(`errand: standard output cannot be written: ${fileProblem(error)}.\n`);
  process.exit(exitCodes.unavailable);
});

const code = await main(process.argv.slice(2));
// What was written must be out before the process ends; keep-alive connections must not keep it.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
