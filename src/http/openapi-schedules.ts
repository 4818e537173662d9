import type { RouteName } from './handlers.ts';
import { bodyErrors, json, page, text, type OperationDoc } from './openapi-parts.ts';

type Names = Extract<RouteName, `${string}Schedule` | 'listSchedules'>;

const etagHeader = { ETag: 'Changes with each edit, not with a firing' };
const answer = (description: string) => ({ description, content: json('Schedule'), headers: etagHeader });
const ifMatch = { 'If-Match': 'The ETag that the schedule must still have; * asks that there is one' };

/** What each route of schedules is for, takes and answers. */
export const scheduleOperations: { [N in Names]: OperationDoc } = {
  listSchedules: {
    summary: 'List schedules by name',
    tag: 'schedules',
    query: {
      task: { description: 'Only of this task: those of a page are filtered, so that it may be short', schema: text },
      limit: { description: 'Schedules of a page', schema: page },
      cursor: { description: 'Of the page before', schema: text },
    },
    answers: { 200: { description: 'A page; without a cursor it is the last', content: json('SchedulePage') } },
    errors: ['invalidRequest'],
  },
  getSchedule: {
    summary: 'Read a schedule, and what came of its last planned times',
    tag: 'schedules',
    answers: { 200: answer('The schedule') },
    errors: ['scheduleNotFound'],
  },
  putSchedule: {
    summary: 'Make or replace a schedule',
    description:
      'Its request is checked as that of a run is. While cron and timeZone stay as they are, so does the next planned time; a planned time that was run is not run again.',
    tag: 'schedules',
    headers: { ...ifMatch, 'If-None-Match': '*: only where there is no schedule of this name yet' },
    body: { required: true, content: json('ScheduleDocument') },
    answers: { 200: answer('Replaced'), 201: answer('Made') },
    errors: [
      ...bodyErrors,
      'taskNotFound',
      'taskDisabled',
      'preconditionFailed',
      'invalidDefinition',
      'executableMissing',
    ],
  },
  deleteSchedule: {
    summary: 'Remove a schedule; its runs stay',
    tag: 'schedules',
    headers: ifMatch,
    answers: { 204: { description: 'Removed' } },
    errors: ['scheduleNotFound', 'preconditionFailed', 'invalidRequest'],
  },
  pauseSchedule: {
    summary: 'Pause a schedule: nothing is planned until it is resumed',
    tag: 'schedules',
    answers: { 200: answer('The schedule, paused') },
    errors: ['scheduleNotFound'],
  },
  resumeSchedule: {
    summary: 'Resume a schedule; what was planned meanwhile is not made up for',
    tag: 'schedules',
    answers: { 200: answer('The schedule, with its next planned time') },
    errors: ['scheduleNotFound'],
  },
};
