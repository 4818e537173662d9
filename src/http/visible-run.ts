import type { Context } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import { runIdPattern } from '../contract/names.ts';
import type { Orchestrator } from '../core/orchestrator.ts';
import type { RunRecord } from '../core/run-record.ts';
import type { AppEnv } from './app-options.ts';
import { maySee } from './auth.ts';

/** The run of the address. One that the principal may not see is answered exactly as one that there is not. */
export async function visibleRun(c: Context<AppEnv>, orchestrator: Pick<Orchestrator, 'get'>): Promise<RunRecord> {
  const id = pathPart(c, 'id');
  if (!runIdPattern.test(id)) throw noSuchRun(id);
  const run = await found(orchestrator, id);
  if (run === undefined || !maySee(c.get('principal'), run.taskName)) throw noSuchRun(id);
  return run;
}

/** A part of the address, which is there wherever its route has matched. */
export function pathPart(c: Context<AppEnv>, name: string): string {
  return c.req.param(name) ?? '';
}

async function found(orchestrator: Pick<Orchestrator, 'get'>, id: string): Promise<RunRecord | undefined> {
  try {
    return await orchestrator.get(id);
  } catch (error) {
    if (error instanceof ErrandError && error.code === 'runNotFound') return undefined;
    throw error;
  }
}

function noSuchRun(id: string): ErrandError {
  return new ErrandError(
    'runNotFound',
    `there is no run ${JSON.stringify(id.slice(0, 80))}: "errand runs" lists the latest; records are deleted after their retention`,
  );
}
