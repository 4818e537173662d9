import { LoggingLevelSchema, type LoggingLevel } from '@modelcontextprotocol/sdk/types.js';

/** The least severe messages that each session wants to see. Kept in memory, for the latest sessions only: what is forgotten is sent again, which does no harm. */
export interface LogLevels {
  set(session: string, level: LoggingLevel): void;
  /** Whether a message of this level is to be sent; where nothing is known, it is. */
  wants(session: string, level: LoggingLevel): boolean;
}

const mostSessions = 1_000;

export function logLevels(): LogLevels {
  const levels = new Map<string, LoggingLevel>();
  const severity = (level: LoggingLevel): number => LoggingLevelSchema.options.indexOf(level);
  return {
    set: (session, level) => {
      levels.delete(session);
      levels.set(session, level);
      const [oldest] = levels.keys();
      if (levels.size > mostSessions && oldest !== undefined) levels.delete(oldest);
    },
    wants: (session, level) => {
      const least = levels.get(session);
      return least === undefined || severity(level) >= severity(least);
    },
  };
}
