import { defineConfig, mergeConfig } from 'vitest/config';

import config from './vitest.config.ts';

/** Short forms of the stress tests, apart from `npm test`: they load the machine so much that they are no company for others. */
export default mergeConfig(
  { ...config, test: { ...config.test, include: [], exclude: [] } },
  defineConfig({ test: { include: ['test/{faults,hostile-tasks,soak}/**/*.test.ts'], maxWorkers: 1 } }),
);
