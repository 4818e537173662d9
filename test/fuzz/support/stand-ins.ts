import type { Context } from '../../../src/core/context.ts';
import type { RunnerDriver } from '../../../src/core/ports/runner-driver.ts';
import { targetProblem } from '../../../src/core/webhook-target.ts';

/** A receiver at this host wants to be told no more. All others have heard it. */
export const goneHost = 'gone.example';

/** A context that starts no container and connects to nobody: runners of this driver, and receivers that are nowhere. */
export function withStandIns(context: Context, driver: RunnerDriver): Context {
  // Those of an installation that has not been told of any host.
  const rules = { internal: [] };
  return {
    ...context,
    driver,
    webhooks: {
      rules,
      sender: {
        send: async ({ url }) => {
          const problem = targetProblem(url, rules);
          if (problem !== undefined) return { kind: 'refused', message: problem };
          return { kind: 'answered', status: new URL(url).hostname === goneHost ? 410 : 204 };
        },
      },
    },
  };
}
