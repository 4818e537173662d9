import { globSync, readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { seededRandom } from '../../emulator/random.ts';
import { chance } from '../../emulator/rate.ts';
import { switchTable } from '../../emulator/switch-table.ts';
import { createSwitches, parseSwitch } from '../../emulator/switches.ts';

const strikes = (rate: number | string, count: number, region?: string): number => {
  const fault = chance(rate, seededRandom(3));
  return Array.from({ length: count }, () => fault.strikes(region)).filter(Boolean).length;
};

describe('a rate', () => {
  test('strikes with its probability', () => {
    expect([strikes(0, 1000), strikes(1, 1000), strikes('1', 1000)]).toEqual([0, 1000, 1000]);
    expect(strikes(0.25, 10_000)).toBeGreaterThan(2300);
    expect(strikes(0.25, 10_000)).toBeLessThan(2700);
  });

  test('strikes the next times, and then no more; in its region only', () => {
    expect(strikes('next:3', 10)).toBe(3);
    expect([
      strikes('next:3@eastus', 10, 'eastus'),
      strikes('next:3@eastus', 10, 'westus'),
      strikes('1@eastus', 10),
    ]).toEqual([3, 0, 0]);
  });

  test.each(['often', '2', '-1', 'next:', 'next:1.5', '1@', '1@East US', ''])('%j is none', (text) => {
    expect(() => chance(text, seededRandom(1))).toThrow(/is no rate/);
  });
});

describe('switches', () => {
  test('take values of their kind only', () => {
    const switches = createSwitches({ pullMs: Infinity }, seededRandom(1));
    expect(switches.get('pullMs')).toBe(Infinity);
    expect(() => switches.set({ pullMs: -1 })).toThrow(/pullMs/);
    expect(() => switches.set({ identicalPutRestarts: 1 as unknown as boolean })).toThrow(/boolean/);
    expect(() => switches.set({ nonsense: 1 } as object)).toThrow(/no switch "nonsense"/);
  });

  test('are read from the command line', () => {
    expect(parseSwitch('pullMs=10')).toEqual({ pullMs: 10 });
    expect(parseSwitch('slowPullMs=Infinity')).toEqual({ slowPullMs: Infinity });
    expect(parseSwitch('identicalPutRestarts=false')).toEqual({ identicalPutRestarts: false });
    expect(parseSwitch('regionFull=next:2@eastus')).toEqual({ regionFull: 'next:2@eastus' });
    expect(() => parseSwitch('pullMs=soon')).toThrow(/takes a number/);
    expect(() => parseSwitch('pullMs')).toThrow(/takes a number/);
    expect(() => parseSwitch('identicalPutRestarts=no')).toThrow(/true or false/);
    expect(() => parseSwitch('what=1')).toThrow(/no switch/);
  });

  test('each has a test that names it', () => {
    const tests = globSync('test/emulator/*.test.ts')
      .filter((path) => !path.endsWith('switches.test.ts'))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    expect(Object.keys(switchTable).filter((name) => !new RegExp(`\\b${name}\\b`).test(tests))).toEqual([]);
  });

  test('are in docs/emulator.md as they are here', () => {
    const rows = Object.entries(switchTable).map(
      ([name, { default: preset, what, source }]) => `| \`${name}\` | ${preset} | ${what} | ${source} |`,
    );
    const documented = readFileSync('docs/emulator.md', 'utf8')
      .split('\n')
      .filter((line) => /^\| `\w+` +\|/.test(line))
      .map((line) => line.replaceAll(/ +\|/g, ' |').replaceAll(/\| +/g, '| '));
    expect(documented).toEqual(rows);
  });
});
