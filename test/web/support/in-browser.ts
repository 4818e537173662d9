import { afterAll, afterEach, beforeAll, describe } from 'vitest';

import { noBrowser, stage, type Stage } from './stage.ts';

/** Tests of the dashboard that a real browser makes; one of its own for each file, which may go beside others. */
export function inBrowser(name: string, tests: (on: () => Stage) => void): void {
  if (noBrowser !== undefined) process.stderr.write(`The dashboard is not looked at: ${noBrowser}\n`);

  describe.skipIf(noBrowser !== undefined)(`the dashboard in a browser: ${name}`, () => {
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

    tests(() => made);
  });
}
