import { logsSuite } from '../e2e/logs.ts';
import { runsSuite } from '../e2e/runs.ts';
import { schedulesSuite } from '../e2e/schedules.ts';
import { tasksSuite } from '../e2e/tasks.ts';
import { webhooksSuite } from '../e2e/webhooks.ts';
import { functionsHarness, type FunctionsHarness } from '../support/functions-host.ts';

/** The programming model is one in a process, so the suites share the door; the last one out closes it. */
let opening: Promise<FunctionsHarness> | undefined;
let suitesLeft = 5;

async function functions() {
  opening ??= functionsHarness({ settings: { ERRAND_WEBHOOK_ALLOW_INTERNAL: '127.0.0.1' } });
  const { url, close } = await opening;
  return {
    url,
    close: async () => {
      suitesLeft -= 1;
      if (suitesLeft === 0) await close();
    },
  };
}

runsSuite('Azure Functions', functions);
logsSuite('Azure Functions', functions);
tasksSuite('Azure Functions', functions);
schedulesSuite('Azure Functions', functions);
webhooksSuite('Azure Functions', functions);
