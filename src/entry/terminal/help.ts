import { commonOptions, type Options } from './arguments.ts';
import type { Command } from './command.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

export interface Summary {
  name: string;
  about: string;
  group: string;
}

const worked = `  errand dev                                   a server on this machine; leave it running
  errand init hello                            in a second terminal: a folder with a task that runs
  errand push hello                            give the task to the server
  errand run Hello -p Name=World --follow      run it, and watch what it writes
  errand show last                             what became of it`;

/** What `errand --help` prints. */
export function overview(summaries: readonly Summary[], style: Style): string {
  const groups = [...new Set(summaries.map(({ group }) => group))];
  const lists = groups.map((group) => {
    const rows = summaries.filter((each) => each.group === group).map(({ name, about }) => [style.cyan(name), about]);
    return `${style.bold(group)}\n${table(rows, { indent: '  ' })}`;
  });
  return `Errand runs tasks: any executable, in one fresh container per run.

${style.bold('Usage')}
  errand <command> [options]
  errand <command> --help

${lists.join('\n')}
${style.bold('Options of every command')}
${optionTable(commonOptions, style)}
${style.bold('Environment')}
${table(
  [
    [style.cyan('ERRAND_URL'), 'The server; http://127.0.0.1:7070 where it is not set'],
    [style.cyan('ERRAND_API_KEY'), 'The key, where the server asks for one; see "errand keys create"'],
  ],
  { indent: '  ' },
)}
${style.bold('A first task')}
${worked}
`;
}

/** What `errand schedule --help` prints: the commands that begin with one word. */
export function groupHelp(summaries: readonly Summary[], style: Style): string {
  const [first = ''] = summaries.map(({ name }) => name.split(' ')[0]);
  const rows = summaries.map(({ name, about }) => [style.cyan(name), about]);
  return `${style.bold('Usage')}
  errand ${first} <command> [options]
  errand ${first} <command> --help

${style.bold('Commands')}
${table(rows, { indent: '  ' })}`;
}

/** What `errand <command> --help` prints. */
export function commandHelp(command: Command, style: Style): string {
  const { name, about, operands, options, examples, more } = command;
  const parts = [
    about,
    `${style.bold('Usage')}\n  errand ${[name, operands, '[options]'].filter((part) => part !== '').join(' ')}\n`,
    ...(Object.keys(options).length === 0 ? [] : [`${style.bold('Options')}\n${optionTable(options, style)}`]),
    `${style.bold('Options of every command')}\n${optionTable(commonOptions, style)}`,
    ...(more === undefined ? [] : [`${more}\n`]),
    `${style.bold('Examples')}\n${table(
      examples.map((example) => [style.cyan(example.line), example.about]),
      { indent: '  ' },
    )}`,
  ];
  return parts.join('\n').replace(about, `${about}\n`);
}

function optionTable(options: Options, style: Style): string {
  const rows = Object.entries(options).map(([name, { short, value, about }]) => [
    style.cyan(`${short === undefined ? '   ' : `-${short},`} --${name}${value === undefined ? '' : ` ${value}`}`),
    about,
  ]);
  return table(rows, { indent: '  ' });
}
