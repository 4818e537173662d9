import { afterAll, afterEach, beforeAll, describe } from 'vitest';

import { accessCases } from './cases/access.ts';
import { barrierCases } from './cases/barriers.ts';
import { formCases } from './cases/form.ts';
import { liveCases } from './cases/live.ts';
import { overviewCases } from './cases/overview.ts';
import { runCases } from './cases/run.ts';
import { runsCases } from './cases/runs.ts';
import { noBrowser, stage, type Stage } from './support/stage.ts';

if (noBrowser !== undefined) process.stderr.write(`The dashboard is not looked at: ${noBrowser}\n`);

describe.skipIf(noBrowser !== undefined)('the dashboard in a browser', () => {
  let made: Stage;
  beforeAll(async () => {
    made = await stage();
  });
  afterEach(async () => {
    await made.clear();
  });
  afterAll(async () => {
    await made?.close();
  });

  const on = (): Stage => made;
  formCases(on);
  runCases(on);
  runsCases(on);
  liveCases(on);
  overviewCases(on);
  accessCases(on);
  barrierCases(on);
});
