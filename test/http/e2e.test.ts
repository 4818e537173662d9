import { logsSuite } from '../e2e/logs.ts';
import { runsSuite } from '../e2e/runs.ts';
import { schedulesSuite } from '../e2e/schedules.ts';
import { tasksSuite } from '../e2e/tasks.ts';
import { webhooksSuite } from '../e2e/webhooks.ts';
import { serverHarness } from './support/server-harness.ts';

/** The standalone server as a door. */
async function standalone() {
  const { url, dispose } = await serverHarness({ env: { ERRAND_WEBHOOK_ALLOW_INTERNAL: '127.0.0.1' } });
  return { url, close: dispose };
}

runsSuite('the standalone server', standalone);
logsSuite('the standalone server', standalone);
tasksSuite('the standalone server', standalone);
schedulesSuite('the standalone server', standalone);
webhooksSuite('the standalone server', standalone);
