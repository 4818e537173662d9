import { defineConfig } from 'vitest/config';

import { closingLineReporter } from './test/support/closing-line-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/{faults,hostile-tasks,soak}/**'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', closingLineReporter()],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
