import type { Context } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import type { AppEnv } from './app-options.ts';
import { maySee } from './auth.ts';
import { pathPart } from './visible-run.ts';

/** Name of the task in the address. Throws `taskNotFound` where the key is not for it: what one may not use, one does not learn of. */
export function visibleTask(c: Context<AppEnv>): string {
  const name = pathPart(c, 'name');
  if (maySee(c.get('principal'), name)) return name;
  throw new ErrandError(
    'taskNotFound',
    `there is no task ${JSON.stringify(name.slice(0, 80))}: "errand tasks" lists those that there are, "errand push" adds one`,
  );
}
