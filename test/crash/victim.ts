import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

import { noteFiles, type Setting } from './support/crash-case.ts';
import { pointer } from './support/crash-points.ts';
import { askFor, isSettled, openErrand } from './support/errand-process.ts';
import { installInnerPoints } from './support/inner-points.ts';
import { scenarioOf } from './support/scenarios.ts';

// Without its harness nobody wants it.
process.once('disconnect', () => process.exit());
/** Does the whole of a scenario, and dies (or stands still) at the point that it was told. Points of the engine are the proxy's to reach. */
process.once('message', (setting: Setting) => void live(setting));

async function live(setting: Setting): Promise<void> {
  const { fault, notes, scenario, driver } = setting;
  const path = join(notes, noteFiles.points);
  const points = pointer((point) => {
    appendFileSync(path, `${point}\n`);
    if (point === fault?.point) process.kill(process.pid, fault.kind === 'stall' ? 'SIGSTOP' : 'SIGKILL');
  });
  installInnerPoints(points, { requests: driver === 'azure' });

  const errand = await openErrand(setting, points);
  await errand.orchestrator.ready();
  await errand.orchestrator.start();
  await askFor(errand, setting, new Set(), (what, runId) => appendFileSync(path, `# ${what} ${runId}\n`));
  while (!(await isSettled(errand.plain, scenarioOf(scenario, driver).keys.length))) await errand.plain.clock.sleep(20);
  await errand.close();
  process.exit(0);
}
