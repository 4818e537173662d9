import type { Client } from '../client/client.ts';

/**
 * What tools need of Errand: a part of its client. The app that serves `/mcp` hands in one that asks itself, `errand mcp` one that asks over the
 * network, so that every call takes the API's own door: same validation, same scopes, same errors.
 */
export type Errand = Pick<
  Client,
  'whoami' | 'tasks' | 'schema' | 'check' | 'run' | 'get' | 'wait' | 'list' | 'log' | 'events' | 'cancel'
>;
