import { expect, test } from 'vitest';

import { instant } from '../../src/core/clock.ts';
import { toView } from '../../src/core/view.ts';
import { runSentence } from '../../src/mcp/run-result.ts';
import { running, t0 } from '../core/support/records.ts';

test('a run that is to end says so while it still runs', () => {
  expect(runSentence(toView(running()))).toMatch(/ is running\.$/);
  const cancel = { by: 'agent', at: instant(t0) };
  expect(runSentence(toView(running({ cancel })))).toMatch(/ is running, and is being canceled\.$/);
});
