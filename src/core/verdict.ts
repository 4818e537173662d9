import type { EndReason } from '../contract/run.ts';
import type { RetryCause } from './retry.ts';
import type { RunnerResult } from './runner-result.ts';

export interface Verdict {
  reason: EndReason;
  message: string;
  cause: RetryCause;
}

/** What a result means by itself, before cancel and retries have a say. `why` is added where the task failed. */
export function verdictOf(result: RunnerResult, why: string): Verdict {
  if (!result.started) {
    const reason = result.reason === undefined || result.reason === 'stopped' ? 'startError' : result.reason;
    return { reason, message: result.message ?? 'the runner could not start the executable', cause: { kind: 'start' } };
  }
  const exitCode = result.exitCode ?? 255;
  if (exitCode === 0) return { reason: 'completed', message: 'exit code 0', cause: { kind: 'exitCode', exitCode } };
  if (result.timedOut)
    return {
      reason: 'runTimeout',
      message: 'the executable ran longer than runSeconds and was ended',
      cause: { kind: 'timeout' },
    };
  const cause: RetryCause = { kind: 'exitCode', exitCode };
  if (result.oomKilled)
    return {
      reason: 'outOfMemory',
      message: 'the executable, or a process of it, was killed for want of memory: raise resources.memoryInGB',
      cause,
    };
  if (result.signal !== null) return { reason: 'signal', message: `ended by signal ${result.signal}${why}`, cause };
  return { reason: 'exitCode', message: `exit code ${exitCode}${why}`, cause };
}
