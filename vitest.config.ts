import { defineConfig } from 'vitest/config';

import { closingLineReporter } from './test/support/closing-line-reporter.ts';

/** What loads a machine so much that it is no company for other tests: `npm run test:stress` has it, one file at a time. */
export const stressTests = [
  'test/{hostile-tasks,soak}/**/*.test.ts',
  'test/crash/{crash,azure}.test.ts',
  'test/faults/process/**/*.test.ts',
  'test/faults/{places,e2e}.test.ts',
  'test/fuzz/{fuzz,controls,extremes,prism}.test.ts',
  'test/entry/azure-drain.test.ts',
];

/**
 * A machine that others use as well may keep a browser or a container waiting for longer than a test does. What a second
 * try was for is said in the closing lines. A counterexample that a property has found stays found.
 */
const secondTry = { count: 1, condition: /^(?!Property failed)/ };

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: stressTests,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', closingLineReporter()],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    retry: process.env['CI'] === 'true' ? secondTry : 0,
  },
});
