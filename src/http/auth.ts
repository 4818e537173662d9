import type { MiddlewareHandler } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import type { Route } from '../contract/routes.ts';
import type { AppEnv, AppOptions } from './app-options.ts';
import { localPrincipal, type Principal } from './api-keys.ts';

/** Lets a request to this route through only with a key that has the route's scope. Sets who asks. */
export function requireScope(
  route: Route,
  { keys, clock }: Pick<AppOptions, 'keys' | 'clock'>,
): MiddlewareHandler<AppEnv> {
  const { scope } = route;
  return async (c, next) => {
    if (scope === undefined) return next();
    const principal =
      keys === undefined ? localPrincipal : await keys.find(presentedKey(c.req.raw.headers), clock.now());
    if (principal === undefined) {
      throw new ErrandError(
        'unauthorized',
        'the API key is missing, unknown or expired: send it as "Authorization: Bearer errand_…", or make one with "errand keys create"',
      );
    }
    if (scope !== 'any' && !principal.scopes.includes(scope)) {
      throw new ErrandError(
        'forbidden',
        `this needs a key with the scope ${scope}; ${principal.name} has ${principal.scopes.join(', ')}`,
      );
    }
    c.set('principal', principal);
    return next();
  };
}

/** Whether this task exists for who asks. */
export function maySee(principal: Principal, taskName: string): boolean {
  return principal.tasks === undefined || principal.tasks.includes(taskName);
}

function presentedKey(headers: Headers): string {
  const bearer = /^Bearer +(.*)$/i.exec(headers.get('authorization') ?? '')?.[1];
  return (bearer ?? headers.get('x-api-key') ?? '').trim();
}
