import type { Random } from './random.ts';
import { chance } from './rate.ts';
import type { Chance, Rate } from './rate.ts';
import { switchTable } from './switch-table.ts';
import type { SwitchRow } from './switch-table.ts';

type Table = typeof switchTable;
export type SwitchName = keyof Table;

type ValueOf<Row extends SwitchRow> = Row['kind'] extends 'flag' ? boolean : Row['kind'] extends 'rate' ? Rate : number;
export type SwitchValues = { -readonly [Name in SwitchName]: ValueOf<Table[Name]> };

type NamesOf<Kind extends SwitchRow['kind']> = {
  [Name in SwitchName]: Table[Name]['kind'] extends Kind ? Name : never;
}[SwitchName];

export interface Switches {
  get<Name extends SwitchName>(name: Name): SwitchValues[Name];
  /** Takes effect with the next request or change of state. Throws for a value that the switch does not take. */
  set(values: Partial<SwitchValues>): void;
  /** Whether the fault strikes now; every call counts as an occasion. */
  strikes(name: NamesOf<'rate'>, region?: string): boolean;
}

function isSwitchName(name: string): name is SwitchName {
  return Object.hasOwn(switchTable, name);
}

function check(name: SwitchName, value: unknown): void {
  const { kind } = switchTable[name];
  const fits = kind === 'flag' ? typeof value === 'boolean' : typeof value === 'number' && value >= 0;
  if (kind !== 'rate' && !fits)
    throw new Error(
      `The switch ${name} does not take ${JSON.stringify(value)}; give a ${kind === 'flag' ? 'boolean' : 'number from 0 on'}`,
    );
}

/** Reads `name=value`, as the command line gives it. */
export function parseSwitch(text: string): Partial<SwitchValues> {
  const [name = '', value = ''] = text.split(/=(.*)/s);
  if (!isSwitchName(name)) throw new Error(`There is no switch ${JSON.stringify(name)}; --help lists them`);
  const { kind } = switchTable[name];
  if (kind === 'rate') return { [name]: value };
  if (kind === 'flag' && value !== 'true' && value !== 'false')
    throw new Error(`The switch ${name} takes true or false`);
  if (kind === 'flag') return { [name]: value === 'true' };
  if (value.trim() === '' || Number.isNaN(Number(value))) throw new Error(`The switch ${name} takes a number`);
  return { [name]: Number(value) };
}

/** The switches of one emulator, from their defaults and the given values. */
export function createSwitches(initial: Partial<SwitchValues>, random: Random): Switches {
  const defaults = Object.entries(switchTable).map(([name, row]) => [name, row.default]);
  const values = Object.fromEntries(defaults) as SwitchValues;
  const chances = new Map<string, Chance>();

  const set = (changes: Partial<SwitchValues>): void => {
    for (const [name, value] of Object.entries(changes)) {
      if (!isSwitchName(name)) throw new Error(`There is no switch ${JSON.stringify(name)}`);
      check(name, value);
      if (switchTable[name].kind === 'rate') chances.set(name, chance(value as Rate, random));
    }
    Object.assign(values, changes);
  };
  set(values);
  set(initial);

  return {
    get: (name) => values[name],
    set,
    strikes: (name, region) => chances.get(name)?.strikes(region) ?? false,
  };
}
