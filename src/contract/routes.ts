export const scopes = [
  'tasks:read',
  'tasks:write',
  'runs:create',
  'runs:read',
  'runs:cancel',
  'schedules:read',
  'schedules:write',
] as const;
export type Scope = (typeof scopes)[number];

export interface Route {
  method: 'get' | 'put' | 'post' | 'delete';
  path: string;
  /** The scope an API key needs; `any` takes every key, whatever its scopes; undefined is open to all. */
  scope?: Scope | 'any';
}

/** Every address of the API and who may use it. The server refuses to start with a route that is not in here. */
export const routes = {
  createRun: { method: 'post', path: '/api/runs', scope: 'runs:create' },
  listRuns: { method: 'get', path: '/api/runs', scope: 'runs:read' },
  getRun: { method: 'get', path: '/api/runs/{id}', scope: 'runs:read' },
  getLogs: { method: 'get', path: '/api/runs/{id}/logs', scope: 'runs:read' },
  getOutput: { method: 'get', path: '/api/runs/{id}/outputs/{file}', scope: 'runs:read' },
  cancelRun: { method: 'post', path: '/api/runs/{id}/cancel', scope: 'runs:cancel' },
  rerunRun: { method: 'post', path: '/api/runs/{id}/rerun', scope: 'runs:create' },
  resolveRun: { method: 'post', path: '/api/runs/{id}/resolve', scope: 'runs:cancel' },
  redeliverWebhook: { method: 'post', path: '/api/runs/{id}/webhooks/{number}/redeliver', scope: 'runs:cancel' },
  listTasks: { method: 'get', path: '/api/tasks', scope: 'tasks:read' },
  getTask: { method: 'get', path: '/api/tasks/{name}', scope: 'tasks:read' },
  putTask: { method: 'put', path: '/api/tasks/{name}', scope: 'tasks:write' },
  deleteTask: { method: 'delete', path: '/api/tasks/{name}', scope: 'tasks:write' },
  getTaskExecutable: { method: 'get', path: '/api/tasks/{name}/executable', scope: 'tasks:write' },
  listTaskVersions: { method: 'get', path: '/api/tasks/{name}/versions', scope: 'tasks:read' },
  getTaskVersion: { method: 'get', path: '/api/tasks/{name}/versions/{version}', scope: 'tasks:read' },
  getTaskSchema: { method: 'get', path: '/api/tasks/{name}/schema', scope: 'tasks:read' },
  checkTask: { method: 'post', path: '/api/tasks/{name}/check', scope: 'tasks:read' },
  planTask: { method: 'post', path: '/api/tasks/{name}/plan', scope: 'tasks:read' },
  listSchedules: { method: 'get', path: '/api/schedules', scope: 'schedules:read' },
  getSchedule: { method: 'get', path: '/api/schedules/{name}', scope: 'schedules:read' },
  putSchedule: { method: 'put', path: '/api/schedules/{name}', scope: 'schedules:write' },
  deleteSchedule: { method: 'delete', path: '/api/schedules/{name}', scope: 'schedules:write' },
  pauseSchedule: { method: 'post', path: '/api/schedules/{name}/pause', scope: 'schedules:write' },
  resumeSchedule: { method: 'post', path: '/api/schedules/{name}/resume', scope: 'schedules:write' },
  whoami: { method: 'get', path: '/api/whoami', scope: 'any' },
  // Each tool asks for the scopes of what it does.
  mcp: { method: 'post', path: '/mcp', scope: 'any' },
  overview: { method: 'get', path: '/api/overview', scope: 'runs:read' },
  changes: { method: 'get', path: '/api/changes', scope: 'runs:read' },
  openapi: { method: 'get', path: '/api/openapi.json' },
  healthz: { method: 'get', path: '/healthz' },
  readyz: { method: 'get', path: '/readyz' },
  metrics: { method: 'get', path: '/metrics' },
} as const satisfies Record<string, Route>;
