import type { Command } from '../terminal/command.ts';
import type { Summary } from '../terminal/help.ts';

export interface Entry extends Summary {
  load(): Promise<Command>;
}

const tasks = 'Tasks';
const runs = 'Runs';
const schedules = 'Schedules';
const servers = 'Servers';

/** Every command. Each is loaded when it is called: the others' imports would cost its start-up time. */
export const commandTable: readonly Entry[] = [
  {
    name: 'init',
    group: tasks,
    about: 'Make a folder with a task that runs',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    name: 'push',
    group: tasks,
    about: 'Give tasks to the server: definition and executable',
    load: async () => (await import('./push.ts')).pushCommand,
  },
  {
    name: 'tasks',
    group: tasks,
    about: 'List the tasks of the server',
    load: async () => (await import('./tasks.ts')).tasksCommand,
  },
  {
    name: 'versions',
    group: tasks,
    about: 'List what was pushed of a task before',
    load: async () => (await import('./versions.ts')).versionsCommand,
  },
  {
    name: 'apply',
    group: tasks,
    about: 'Make the tasks of the server what is in a folder',
    load: async () => (await import('./apply.ts')).applyCommand,
  },
  {
    name: 'export',
    group: tasks,
    about: 'Write tasks of the server into folders',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  {
    name: 'plan',
    group: tasks,
    about: 'Check a request and show what would be run; start nothing',
    load: async () => (await import('./plan.ts')).planCommand,
  },
  {
    name: 'run',
    group: runs,
    about: 'Run a task',
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    name: 'runs',
    group: runs,
    about: 'List runs, latest first',
    load: async () => (await import('./runs.ts')).runsCommand,
  },
  {
    name: 'show',
    group: runs,
    about: 'Show one run: what happened when, why it waits, its result',
    load: async () => (await import('./show.ts')).showCommand,
  },
  {
    name: 'logs',
    group: runs,
    about: 'Print what a run wrote',
    load: async () => (await import('./logs.ts')).logsCommand,
  },
  {
    name: 'outputs',
    group: runs,
    about: 'List the files that a run left, or fetch one',
    load: async () => (await import('./outputs.ts')).outputsCommand,
  },
  {
    name: 'cancel',
    group: runs,
    about: 'End runs',
    load: async () => (await import('./cancel.ts')).cancelCommand,
  },
  {
    name: 'rerun',
    group: runs,
    about: 'Run the task of an earlier run again',
    load: async () => (await import('./rerun.ts')).rerunCommand,
  },
  {
    name: 'resolve',
    group: runs,
    about: 'Write down what really came of a lost run',
    load: async () => (await import('./resolve.ts')).resolveCommand,
  },
  {
    name: 'webhooks redeliver',
    group: runs,
    about: 'Send webhooks of a run that were given up once more',
    load: async () => (await import('./webhooks-redeliver.ts')).webhooksRedeliverCommand,
  },
  {
    name: 'schedule add',
    group: schedules,
    about: 'Run a task at planned times',
    load: async () => (await import('./schedule-add.ts')).scheduleAddCommand,
  },
  {
    name: 'schedule list',
    group: schedules,
    about: 'List the schedules of the server',
    load: async () => (await import('./schedule-list.ts')).scheduleListCommand,
  },
  {
    name: 'schedule show',
    group: schedules,
    about: 'Show one schedule: when it comes next, what came of the last times',
    load: async () => (await import('./schedule-show.ts')).scheduleShowCommand,
  },
  {
    name: 'schedule pause',
    group: schedules,
    about: 'Let schedules rest until they are resumed',
    load: async () => (await import('./schedule-pause.ts')).schedulePauseCommand,
  },
  {
    name: 'schedule resume',
    group: schedules,
    about: 'Let paused schedules go on',
    load: async () => (await import('./schedule-pause.ts')).scheduleResumeCommand,
  },
  {
    name: 'schedule remove',
    group: schedules,
    about: 'Remove schedules; their runs stay',
    load: async () => (await import('./schedule-remove.ts')).scheduleRemoveCommand,
  },
  {
    name: 'dev',
    group: servers,
    about: 'Start a server on this machine, with the examples; nothing to configure',
    load: async () => (await import('./dev.ts')).devCommand,
  },
  {
    name: 'serve',
    group: servers,
    about: 'Start a server that is configured by its environment',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    name: 'doctor',
    group: servers,
    about: 'Look at everything that a server needs, and say how to mend what is wrong',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'mcp',
    group: servers,
    about: 'Give the tasks of a server to an agent, as tools',
    load: async () => (await import('./mcp.ts')).mcpCommand,
  },
  {
    name: 'backup',
    group: servers,
    about: 'Copy the run database while the server goes on',
    load: async () => (await import('./backup.ts')).backupCommand,
  },
  {
    name: 'keys create',
    group: servers,
    about: 'Make an API key',
    load: async () => (await import('./keys-create.ts')).keysCreateCommand,
  },
  {
    name: 'keys list',
    group: servers,
    about: 'List who has a key, and what it may do',
    load: async () => (await import('./keys-list.ts')).keysListCommand,
  },
  {
    name: 'keys revoke',
    group: servers,
    about: 'Take a key out of use',
    load: async () => (await import('./keys-revoke.ts')).keysRevokeCommand,
  },
  {
    name: 'whoami',
    group: servers,
    about: 'Show whose key this is, and what it may do',
    load: async () => (await import('./whoami.ts')).whoamiCommand,
  },
];
