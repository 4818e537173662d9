import type { Soaked } from './soak.ts';

const counts = [
  ['tasks', 'tasks'],
  ['runs', 'runs'],
  ['kills', 'kills'],
  ['executions', 'executions'],
  ['startedAgain', 'runners started once more'],
  ['canceled', 'canceled'],
  ['lost', 'lost'],
  ['startedTwice', 'started twice'],
  ['containersLeft', 'containers left'],
] as const;

/** One line of figures. */
export function describeSoak(soaked: Soaked): string {
  const { logBytes, droppedBytes, diskBytes, seconds } = soaked;
  const figures = counts.map(([name, what]) => `${soaked[name]} ${what}`);
  return `${figures.join(', ')}, log bytes ${logBytes} (and ${droppedBytes} beyond the cap), ${megabytes(diskBytes)} MB of disk at most, ${seconds} s`;
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

/** Of several places, one after the other. */
export function sumOf(all: readonly Soaked[]): Soaked {
  const sum = (name: Exclude<keyof Soaked, 'breaches'>): number => all.reduce((total, each) => total + each[name], 0);
  return {
    breaches: all.flatMap(({ breaches }) => breaches),
    tasks: sum('tasks'),
    runs: sum('runs'),
    kills: sum('kills'),
    executions: sum('executions'),
    startedAgain: sum('startedAgain'),
    canceled: sum('canceled'),
    lost: sum('lost'),
    startedTwice: sum('startedTwice'),
    containersLeft: sum('containersLeft'),
    logBytes: sum('logBytes'),
    droppedBytes: sum('droppedBytes'),
    diskBytes: Math.max(0, ...all.map(({ diskBytes }) => diskBytes)),
    seconds: sum('seconds'),
  };
}
