import type fastCheck from 'fast-check';
import type * as vitest from 'vitest';

/** The functions of vitest that the suites are written with, handed in by the test file, so that nothing here imports it when it runs. */
export type TestApi = Pick<typeof vitest, 'describe' | 'test' | 'expect'>;

/** With fast-check, for suites that hold a port against a model. */
export type PropertyTestApi = TestApi & { fc: typeof fastCheck };

/** Makes a fresh harness for each test and disposes of it, whatever came of the test. */
export function withFresh<Harness extends { dispose(): Promise<void> }>(makeHarness: () => Promise<Harness>) {
  return (body: (harness: Harness) => Promise<void>) => async (): Promise<void> => {
    const harness = await makeHarness();
    try {
      await body(harness);
    } finally {
      await harness.dispose();
    }
  };
}
