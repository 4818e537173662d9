import { expect, test } from 'vitest';

import type { DeliveryView } from '../../../src/contract/webhook.ts';
import { deliveryText } from '../../../web/text/delivery-text.ts';

const text = (delivery: Partial<DeliveryView>): string =>
  deliveryText({
    number: 1,
    from: 'request',
    format: 'standard',
    target: 'https://example.com',
    state: 'waiting',
    attempts: 0,
    ...delivery,
  });

test('a webhook says how far it has come, and why no further', () => {
  expect(text({})).toBe('is told once the run has ended');
  expect(text({ state: 'unwanted' })).toBe('does not want to know of such an end');
  expect(text({ state: 'pending' })).toBe('is being told');
  const problem = 'the receiver answered with 503';
  const again = text({ state: 'pending', attempts: 2, problem, nextAt: '2027-01-02T03:04:05.000Z' });
  expect(again).toMatch(/^not told yet after 2 attempts: the receiver answered with 503, again at .*2027/);
  expect(text({ state: 'delivered', attempts: 1, endedAt: '2027-01-02T03:04:05.000Z' })).toMatch(/^told at .*2027/);
  expect(text({ state: 'dead', attempts: 10, problem })).toBe(`given up after 10 attempts: ${problem}`);
});
