export * from './errors.ts';
export * from './limits.ts';
export * from './names.ts';
export * from './routes.ts';
export * from './run-request.ts';
export * from './run.ts';
export * from './schedule.ts';
export * from './task-definition.ts';
