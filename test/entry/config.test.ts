import { expect, test } from 'vitest';
import { serverConfig } from '../../src/entry/config.ts';

test('every variable that is wrong is named, and what it must be', () => {
  const set = {
    ERRAND_PORT: '99999',
    ERRAND_MAX_RUNNERS: 'many',
    ERRAND_NAME_PREFIX: 'Errand',
    ERRAND_SECRET_KEY: 'not base64',
    ERRAND_EXCHANGE_HOST_PATH: 'data',
    ERRAND_LOG_LEVEL: 'loud',
  };
  expect(() => serverConfig(set, { driver: 'docker' })).toThrow(
    'these variables are not valid: ERRAND_PORT: must be a whole number from 0 to 65535; ERRAND_EXCHANGE_HOST_PATH: must be a path that begins with /; ' +
      'ERRAND_NAME_PREFIX: must be at most 16 lower-case letters and digits, a letter first, and may end with a hyphen and 10 more; ' +
      'ERRAND_MAX_RUNNERS: must be a whole number from 1 to 100000; ERRAND_SECRET_KEY: must be 32 bytes in base64: openssl rand -base64 32; ' +
      'ERRAND_LOG_LEVEL: Invalid option: expected one of "debug"|"info"|"warn"|"error"|"silent". docs/configuration.md lists them all',
  );
});
