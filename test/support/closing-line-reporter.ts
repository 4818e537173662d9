import { writeSync } from 'node:fs';

import type { Reporter, TestModule } from 'vitest/node';

interface Told {
  readonly message: string;
}

export interface Closing {
  passed: number;
  /** One line for each test that failed, with what it said first. */
  readonly failed: string[];
  /** One line for each test that has passed and had failed before, with what it said then. */
  readonly secondTries: string[];
  /** One line for each test that did not run, with its reason. */
  readonly leftOut: string[];
}

/** The first line of the first error, where it was told. */
function line(where: string, errors: readonly Told[] | undefined): string {
  const [first] = (errors?.[0]?.message ?? 'no message').split('\n', 1);
  return `${where}: ${first}`;
}

/** The counts of a run. What broke outside of any test (a file that does not load, a hook, a stray rejection) counts as failed. */
export function closingOf(modules: readonly TestModule[], strayErrors: readonly Told[]): Closing {
  const closing: Closing = { passed: 0, failed: [], secondTries: [], leftOut: [] };
  for (const error of strayErrors) closing.failed.push(line('outside of any test', [error]));
  for (const module of modules) {
    const file = module.relativeModuleId;
    if (module.errors().length > 0) closing.failed.push(line(file, module.errors()));
    for (const suite of module.children.allSuites())
      if (suite.errors().length > 0) closing.failed.push(line(`${file} > ${suite.fullName}`, suite.errors()));
    for (const test of module.children.allTests()) {
      const result = test.result();
      const where = `${file} > ${test.fullName}`;
      if (result.state === 'passed') {
        closing.passed += 1;
        if (test.diagnostic()?.flaky === true) closing.secondTries.push(line(where, result.errors));
      } else if (result.state === 'failed') closing.failed.push(line(where, result.errors));
      else {
        const note = result.state === 'skipped' ? result.note : undefined;
        closing.leftOut.push(`${test.fullName}: ${note ?? 'no reason given'}`);
      }
    }
  }
  return closing;
}

/** Prints what was left out, what passed at its second try only, what failed, and the counts as the very last line: other reporters and the global tear-down have spoken by then. */
export function closingLineReporter(): Reporter {
  let closing: Closing = { passed: 0, failed: [], secondTries: [], leftOut: [] };
  return {
    onInit: () => {
      process.once('exit', (code) => {
        const { passed, failed, secondTries, leftOut } = closing;
        // A run that broke before or after its tests has failed, though no test has.
        const failures = code === 0 ? failed.length : Math.max(failed.length, 1);
        const counts = `${passed} passed, ${failures} failed, ${leftOut.length} skipped`;
        const lines = [
          ...leftOut.map((text) => `left out: ${text}`),
          ...secondTries.map((text) => `second try: ${text}`),
          ...failed.map((text) => `failed: ${text}`),
          counts,
        ];
        writeSync(1, `\n${lines.join('\n')}\n`);
      });
    },
    onTestRunEnd: (modules, errors) => {
      closing = closingOf(modules, errors);
    },
  };
}
