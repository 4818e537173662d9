export type Level = 'ok' | 'warn' | 'fail';

export interface Said {
  level: Level;
  /** What was found. */
  what: string;
  /** How to mend it, where `what` does not say so itself. */
  mend?: string;
}

/** One line of the report. */
export interface Finding extends Said {
  step: string;
}

/** One thing to look at. What it throws is a failure, with its message. */
export interface Step {
  name: string;
  /** Earlier steps without which this one says nothing. */
  needs?: readonly string[];
  look(signal: AbortSignal): Promise<readonly Said[]>;
}

export function ok(what: string): Said {
  return { level: 'ok', what };
}

export function warn(what: string, mend?: string): Said {
  return { level: 'warn', what, ...(mend === undefined ? {} : { mend }) };
}

export function fail(what: string, mend?: string): Said {
  return { level: 'fail', what, ...(mend === undefined ? {} : { mend }) };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
