/** The variables that runners may take over from the orchestrator. All others stay its own. */
export const processEnvironmentNames = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
] as const;

/** Said where the driver is used, and why it is refused in production. */
export const processIsNoSandbox =
  'The process driver is a development tool, no sandbox: tasks run as this user on this machine and can read whatever Errand can, its keys and other tasks included; images and limits on CPU, memory and network are ignored.';
