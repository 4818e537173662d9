import { defineConfig, mergeConfig } from 'vitest/config';

import config, { stressTests } from './vitest.config.ts';

/** Short forms of the stress tests that `npm test` leaves out. None gets a second try: what they look for may come once in a hundred times. */
export default mergeConfig(
  { ...config, test: { ...config.test, include: [], exclude: [] } },
  defineConfig({ test: { include: stressTests, maxWorkers: 1, retry: 0 } }),
);
