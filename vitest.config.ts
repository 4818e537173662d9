import { defineConfig } from 'vitest/config';

import { closingLineReporter } from './test/support/closing-line-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What loads a machine so much that it is no company for others is in `npm run test:stress`. Of the faults, their short form stays here.
    exclude: ['test/{hostile-tasks,soak}/**', 'test/faults/process/**', 'test/faults/{places,e2e}.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', closingLineReporter()],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
