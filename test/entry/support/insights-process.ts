import { functionsHarness } from '../../support/functions-host.ts';
import { pushScript } from '../../e2e/door.ts';
import { pino } from 'pino';

/** A function app in a process of its own, which exports to the Application Insights that stands at the address of its first argument. Runs one task and says what it printed. */
const [ingestion = ''] = process.argv.slice(2);
const harness = await functionsHarness({
  settings: {
    APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=${ingestion}`,
    WEBSITE_SITE_NAME: 'errand-test',
  },
  logger: pino({ level: 'warn' }, pino.destination(2)),
});
let said = '';
try {
  const { url } = harness;
  await pushScript(url, 'Traced', 'echo "parent is $TRACEPARENT, state is $TRACESTATE"');
  const asked = await fetch(`${url}/api/runs`, {
    method: 'POST',
    body: JSON.stringify({ taskName: 'Traced' }),
    headers: {
      'Content-Type': 'application/json',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'vendor=1',
    },
  });
  const { id } = (await asked.json()) as { id: string };
  let state = '';
  for (let tries = 0; tries < 20 && state !== 'succeeded'; tries += 1)
    ({ state } = (await (await fetch(`${url}/api/runs/${id}?wait=5`)).json()) as { state: string });
  const log = await (await fetch(`${url}/api/runs/${id}/logs`)).text();
  said = JSON.stringify({ id, state, log });
} finally {
  await harness.close();
}
// The programming model keeps its port open.
process.stdout.write(said, () => process.exit(0));
