import { randomUUID } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { AppEnv } from './app-options.ts';

const ours = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives every request a name, or keeps the one that a proxy gave it, and says it in the answer. */
export const requestId: MiddlewareHandler<AppEnv> = async (c, next) => {
  const given = c.req.header('x-request-id');
  const id = given !== undefined && ours.test(given) ? given : randomUUID();
  c.set('requestId', id);
  await next();
  c.res.headers.set('X-Request-Id', id);
};
