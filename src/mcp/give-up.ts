import { isTerminal } from '../contract/run.ts';
import type { Call } from './call.ts';

/**
 * The caller has canceled its request. A run whose user code has not started is canceled, and so is one of a task that does no harm half done
 * (`hints`: readOnly or idempotent). Any other goes on: clients send the same message when a person stops them and when they only are tired of
 * waiting, and what is half done is often worse than what is done. `cancel_run` ends it on purpose.
 */
export async function giveUp(runId: string, { errand, problem }: Pick<Call, 'errand' | 'problem'>): Promise<void> {
  try {
    const { state, definition } = await errand.get(runId);
    const { readOnly = false, idempotent = false } = definition.hints ?? {};
    if (isTerminal(state) || (state === 'running' && !readOnly && !idempotent)) return;
    await errand.cancel(runId);
  } catch (error) {
    problem(error, `run ${runId} goes on, though the call that started it was canceled`);
  }
}
