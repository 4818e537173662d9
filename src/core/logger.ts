/** The part of pino that Errand uses. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The same log, with these fields in every line. */
export function loggerWith(logger: Logger, fields: object): Logger {
  return {
    debug: (details, message) => logger.debug({ ...fields, ...details }, message),
    info: (details, message) => logger.info({ ...fields, ...details }, message),
    warn: (details, message) => logger.warn({ ...fields, ...details }, message),
    error: (details, message) => logger.error({ ...fields, ...details }, message),
  };
}
