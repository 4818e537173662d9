import type { Random } from './random.ts';

/**
 * How often a fault strikes: a probability from 0 to 1, or `next:N` for the next N occasions, either followed by `@region`
 * to strike in that region only. `"next:2@eastus"`, `0.25`, `"1@westus"`.
 */
export type Rate = number | string;

export interface Chance {
  /** Whether it strikes this time. */
  strikes(region: string | undefined): boolean;
}

const form = /^(?:next:(?<count>\d+)|(?<probability>[01]|0?\.\d+))(?:@(?<region>[a-z0-9]+))?$/;

/** Throws for text that has not the form of a rate. */
export function chance(rate: Rate, random: Random): Chance {
  const groups = form.exec(String(rate))?.groups;
  if (groups === undefined)
    throw new Error(
      `${JSON.stringify(rate)} is no rate; give a number from 0 to 1 or next:N, with @region if it is of one`,
    );
  let left = groups['count'] === undefined ? undefined : Number(groups['count']);
  const probability = Number(groups['probability']);
  return {
    strikes(region) {
      if (groups['region'] !== undefined && groups['region'] !== region) return false;
      if (left === undefined) return probability > 0 && random.next() < probability;
      if (left === 0) return false;
      left -= 1;
      return true;
    },
  };
}
