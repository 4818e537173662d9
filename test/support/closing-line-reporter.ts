import { writeSync } from 'node:fs';

import type { Reporter, TestModule } from 'vitest/node';

export interface Closing {
  passed: number;
  failed: number;
  skipped: number;
  /** One line for each test that did not run, with its reason. */
  readonly leftOut: string[];
}

/** The counts of a run. What broke outside of any test (a file that does not load, a hook, a stray rejection) counts as failed. */
export function closingOf(modules: readonly TestModule[], strayErrors: number): Closing {
  const closing: Closing = { passed: 0, failed: strayErrors, skipped: 0, leftOut: [] };
  for (const module of modules) {
    if (module.errors().length > 0) closing.failed += 1;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) closing.failed += 1;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') closing.passed += 1;
      else if (result.state === 'failed') closing.failed += 1;
      else {
        closing.skipped += 1;
        const note = result.state === 'skipped' ? result.note : undefined;
        closing.leftOut.push(`left out: ${test.fullName}: ${note ?? 'no reason given'}`);
      }
    }
  }
  return closing;
}

/** Prints what was left out, and the counts as the very last line: other reporters and the global tear-down have spoken by then. */
export function closingLineReporter(): Reporter {
  let closing: Closing = { passed: 0, failed: 0, skipped: 0, leftOut: [] };
  return {
    onInit: () => {
      process.once('exit', (code) => {
        // A run that broke before or after its tests has failed, though no test has.
        const failed = code === 0 ? closing.failed : Math.max(closing.failed, 1);
        const counts = `${closing.passed} passed, ${failed} failed, ${closing.skipped} skipped`;
        writeSync(1, `\n${[...closing.leftOut, counts].join('\n')}\n`);
      });
    },
    onTestRunEnd: (modules, errors) => {
      closing = closingOf(modules, errors.length);
    },
  };
}
