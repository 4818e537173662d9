import { describe, expect, test } from 'vitest';
import { check } from './checker.ts';
import { defects } from './configs.ts';
import type { Defect } from './world.ts';

describe('the checker finds what comes of', () => {
  test.each(Object.entries(defects))('%s', { timeout: 120_000 }, (defect, { config, finds }) => {
    const { problem } = check({ ...config, defect: defect as Defect });
    expect(problem?.what).toMatch(finds);
    expect(problem?.trace.length).toBeGreaterThanOrEqual(3);
  });
});
