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
  const { logBytes, droppedBytes, seconds } = soaked;
  const figures = counts.map(([name, what]) => `${soaked[name]} ${what}`);
  return `${figures.join(', ')}, log bytes ${logBytes} (and ${droppedBytes} beyond the cap), ${seconds} s`;
}

/** Of several places. */
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
    seconds: sum('seconds'),
  };
}
