import { writeSync } from 'node:fs';

import type { Reporter, TestModule } from 'vitest/node';

interface Told {
  readonly message: string;
}

export interface Closing {
  passed: number;
  /** One line for each test that failed, with what it said first. */
  readonly failed: string[];
  /** One line for each test that did not run, with its reason. */
  readonly leftOut: string[];
}

function failureLine(where: string, errors: readonly Told[] | undefined): string {
  const [first] = (errors?.[0]?.message ?? 'no message').split('\n', 1);
  return `failed: ${where}: ${first}`;
}

/** The counts of a run. What broke outside of any test (a file that does not load, a hook, a stray rejection) counts as failed. */
export function closingOf(modules: readonly TestModule[], strayErrors: readonly Told[]): Closing {
  const closing: Closing = { passed: 0, failed: [], leftOut: [] };
  for (const error of strayErrors) closing.failed.push(failureLine('outside of any test', [error]));
  for (const module of modules) {
    const file = module.relativeModuleId;
    if (module.errors().length > 0) closing.failed.push(failureLine(file, module.errors()));
    for (const suite of module.children.allSuites())
      if (suite.errors().length > 0) closing.failed.push(failureLine(`${file} > ${suite.fullName}`, suite.errors()));
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') closing.passed += 1;
      else if (result.state === 'failed') closing.failed.push(failureLine(`${file} > ${test.fullName}`, result.errors));
      else {
        const note = result.state === 'skipped' ? result.note : undefined;
        closing.leftOut.push(`left out: ${test.fullName}: ${note ?? 'no reason given'}`);
      }
    }
  }
  return closing;
}

/** Prints what was left out, what failed, and the counts as the very last line: other reporters and the global tear-down have spoken by then. */
export function closingLineReporter(): Reporter {
  let closing: Closing = { passed: 0, failed: [], leftOut: [] };
  return {
    onInit: () => {
      process.once('exit', (code) => {
        const { passed, failed, leftOut } = closing;
        // A run that broke before or after its tests has failed, though no test has.
        const failures = code === 0 ? failed.length : Math.max(failed.length, 1);
        const counts = `${passed} passed, ${failures} failed, ${leftOut.length} skipped`;
        writeSync(1, `\n${[...leftOut, ...failed, counts].join('\n')}\n`);
      });
    },
    onTestRunEnd: (modules, errors) => {
      closing = closingOf(modules, errors);
    },
  };
}
