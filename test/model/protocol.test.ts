import { describe, expect, test } from 'vitest';
import { check } from './checker.ts';
import { quickConfigs } from './configs.ts';

describe('every order in which things can happen, with', () => {
  test.each(Object.entries(quickConfigs))('%s', { timeout: 240_000 }, (_, config) => {
    const { states, settled, problem } = check(config);
    expect(problem).toBeUndefined();
    // A model in which little can happen proves little.
    expect(states).toBeGreaterThan(5000);
    expect(settled).toBeGreaterThan(50);
  });
});
