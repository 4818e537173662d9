import type { RunRequestBody } from '../../contract/run-request.ts';
import { UsageError } from '../terminal/usage-error.ts';

/** How commands are told that a run is to take less than its definition allows. */
export const limitOptions = {
  'max-cost': {
    type: 'string',
    value: 'amount',
    about: 'The most that a run may cost by the price list: it gets less time where it needs to',
  },
  timeout: { type: 'string', value: 'seconds', about: 'How long the task may run: shorter than its definition says' },
} as const;

export interface LimitValues {
  'max-cost': string | undefined;
  timeout: string | undefined;
}

export function givenLimits({ 'max-cost': cost, timeout }: LimitValues): Pick<RunRequestBody, 'maxCost' | 'timeouts'> {
  if (timeout !== undefined && !/^[1-9][0-9]{0,8}$/.test(timeout))
    throw new UsageError(`--timeout ${timeout} is no number of seconds: write --timeout 600.`);
  if (cost !== undefined && (!/^[0-9]{1,7}(?:\.[0-9]{1,9})?$/.test(cost) || Number(cost) === 0))
    throw new UsageError(`--max-cost ${cost} is no amount: write --max-cost 0.05.`);
  return {
    ...(timeout === undefined ? {} : { timeouts: { runSeconds: Number(timeout) } }),
    ...(cost === undefined ? {} : { maxCost: Number(cost) }),
  };
}
