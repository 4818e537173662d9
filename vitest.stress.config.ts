import { defineConfig, mergeConfig } from 'vitest/config';

import config, { stressTests } from './vitest.config.ts';

/** Short forms of the stress tests that `npm test` leaves out. */
export default mergeConfig(
  { ...config, test: { ...config.test, include: [], exclude: [] } },
  defineConfig({ test: { include: stressTests, maxWorkers: 1 } }),
);
