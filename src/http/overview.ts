import { limits } from '../contract/limits.ts';
import type { AppOptions } from './app-options.ts';
import type { Handlers } from './handlers.ts';
import { query } from './query.ts';

const defaultHours = 24;

export function overviewHandlers({ orchestrator, clock }: AppOptions): Handlers<'overview'> {
  return {
    overview: async (c) => {
      const asked = query(c);
      const hours = asked.whole('hours', { minimum: 1, maximum: limits.overviewHours }) ?? defaultHours;
      asked.done();
      const { tasks } = c.get('principal');
      return c.json(await orchestrator.overview({ since: clock.now() - hours * 3_600_000, tasks }));
    },
  };
}
