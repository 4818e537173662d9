import type { Context } from 'hono';
import type { Problem } from '../contract/errors.ts';
import { pointer } from '../core/problems.ts';
import type { AppEnv } from './app-options.ts';
import { invalidRequest } from './body.ts';

/** Reads the query of a request and gathers its problems. */
export interface Query {
  /** The only value; a second one is a problem. */
  one(name: string): string | undefined;
  all(name: string): readonly string[];
  whole(name: string, bounds: { minimum: number; maximum: number }): number | undefined;
  /** A switch: given without a value, or as `true` or `1`. */
  flag(name: string): boolean;
  problem(name: string, code: Problem['code'], message: string, allowed?: unknown): void;
  /** Throws `invalidRequest` where there were problems, or names that nobody asked for. */
  done(): void;
}

export function query(c: Context<AppEnv>): Query {
  const given = new URL(c.req.url).searchParams;
  const asked = new Set<string>();
  const problems: Problem[] = [];

  const problem: Query['problem'] = (name, code, message, allowed) => {
    problems.push({ path: pointer(['query', name]), code, message, ...(allowed === undefined ? {} : { allowed }) });
  };

  const all = (name: string): string[] => {
    asked.add(name);
    return given.getAll(name);
  };

  const one = (name: string): string | undefined => {
    const [value, second] = all(name);
    if (second !== undefined) problem(name, 'duplicate', `${name} is given twice: leave one out`);
    return value;
  };

  return {
    all,
    one,
    problem,
    whole: (name, bounds) => {
      const text = one(name);
      if (text === undefined) return undefined;
      const value = Number(text);
      if (!/^[0-9]{1,9}$/.test(text)) problem(name, 'wrongType', `${name} must be a whole number`, bounds);
      else if (value < bounds.minimum) problem(name, 'tooSmall', `${name} must be at least ${bounds.minimum}`, bounds);
      else if (value > bounds.maximum) problem(name, 'tooLarge', `${name} must be at most ${bounds.maximum}`, bounds);
      return value;
    },
    flag: (name) => {
      const text = one(name);
      if (text === undefined || text === 'false' || text === '0') return false;
      if (text !== '' && text !== 'true' && text !== '1')
        problem(name, 'wrongType', `${name} must be true or false`, ['true', 'false']);
      return true;
    },
    done: () => {
      for (const name of new Set(given.keys())) {
        if (!asked.has(name)) problem(name, 'unknownField', `${name.slice(0, 80)} is not a parameter here`, [...asked]);
      }
      if (problems.length > 0) throw invalidRequest(problems);
    },
  };
}
