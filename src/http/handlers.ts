import type { Context } from 'hono';
import type { routes } from '../contract/routes.ts';
import type { AppEnv } from './app-options.ts';

export type RouteName = keyof typeof routes;

export type Handler = (c: Context<AppEnv>) => Response | Promise<Response>;

/** Handlers by the name of their route: a route without one, or one without a route, does not type-check. */
export type Handlers<Name extends RouteName = RouteName> = { [N in Name]: Handler };
