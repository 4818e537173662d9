import { logsSuite } from '../e2e/logs.ts';
import { runsSuite } from '../e2e/runs.ts';
import { schedulesSuite } from '../e2e/schedules.ts';
import { tasksSuite } from '../e2e/tasks.ts';
import { webhooksSuite } from '../e2e/webhooks.ts';
import { faultyDoors } from './support/faulty-doors.ts';

/** The end-to-end files once more, while ports fail. Which faults, `npm run test:faults` says; here it is a selection. */
for (const { name, open } of faultyDoors()) {
  runsSuite(name, open);
  logsSuite(name, open);
  tasksSuite(name, open);
  schedulesSuite(name, open);
  webhooksSuite(name, open);
}
