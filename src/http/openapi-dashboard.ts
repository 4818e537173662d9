import { limits } from '../contract/limits.ts';
import type { RouteName } from './handlers.ts';
import { bodyErrors, json, text, type OperationDoc } from './openapi-parts.ts';

type Names = Extract<RouteName, 'overview' | 'changes' | 'checkTask'>;

/** What each route that the dashboard was the first to need is for, takes and answers. */
export const dashboardOperations: { [N in Names]: OperationDoc } = {
  overview: {
    summary: 'How things stand',
    description: `From the latest runs, at most ${limits.overviewRuns}, that were accepted within the last hours.`,
    tag: 'runs',
    query: {
      hours: {
        description: 'How far back',
        schema: { type: 'integer', minimum: 1, maximum: limits.overviewHours, default: 24 },
      },
    },
    answers: { 200: { description: 'The overview', content: json('Overview') } },
    errors: ['invalidRequest'],
  },
  changes: {
    summary: 'Follow changes of all runs',
    description:
      'Server-sent events: "open" once nothing is missed any more (read what you show now), and "change" with a RunChange whenever something about a run has changed. ' +
      'Another "open" means that there was too much to tell: read again. A stream that ends wants its reader to come back, and to read again.',
    tag: 'runs',
    answers: { 200: { description: 'Changes as they come', content: { 'text/event-stream': text } } },
    errors: ['invalidRequest'],
  },
  checkTask: {
    summary: 'Check a request while it is being written; starts nothing',
    description:
      'As plan, but a request that is not valid is answered with its problems and 200: whoever fills in a form has made no mistake yet.',
    tag: 'tasks',
    body: { required: false, content: json('PlanRequest') },
    answers: { 200: { description: 'What is wrong with it, or what would be run', content: json('Check') } },
    errors: [
      ...bodyErrors.filter((code) => code !== 'invalidRequest'),
      'taskNotFound',
      'taskDisabled',
      'invalidDefinition',
      'executableMissing',
    ],
  },
};
