import type { DeliveryView } from '../../src/contract/webhook.ts';
import { counted, dateTime } from './format.ts';

/** How far the telling of a run's end has come. */
export function deliveryText({ state, attempts, nextAt, endedAt, problem }: DeliveryView): string {
  const why = problem === undefined ? '' : `: ${problem}`;
  switch (state) {
    case 'waiting':
      return 'is told once the run has ended';
    case 'unwanted':
      return 'does not want to know of such an end';
    case 'pending': {
      if (attempts === 0) return 'is being told';
      const next = nextAt === undefined ? '' : `, again at ${dateTime(nextAt)}`;
      return `not told yet after ${counted(attempts, 'attempt')}${why}${next}`;
    }
    case 'delivered':
      return endedAt === undefined ? 'told' : `told at ${dateTime(endedAt)}`;
    case 'dead':
      return `given up after ${counted(attempts, 'attempt')}${why}`;
  }
}
