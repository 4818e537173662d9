import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/**
 * Makes the key that seals secret parameters, once for each azd environment, and leaves it in that environment. A new one with each deployment
 * would leave waiting runs with secrets that nobody can open. Returns the status to exit with.
 *
 * @param {Readonly<Record<string, string | undefined>>} environment what azd hands to its hooks: the values of the azd environment
 */
function ensureSecretKey(environment) {
  const present = environment['ERRAND_SECRET_KEY'];
  if (present !== undefined && present !== '') {
    if (Buffer.from(present, 'base64').length === 32 && present.length === 44) return 0;
    console.error(
      'ERRAND_SECRET_KEY of this azd environment is not 32 bytes in base64. Make one with "openssl rand -base64 32", and set it with "azd env set ERRAND_SECRET_KEY <key>".',
    );
    return 1;
  }
  const { error, status } = spawnSync('azd', ['env', 'set', 'ERRAND_SECRET_KEY', randomBytes(32).toString('base64')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (error === undefined && status === 0) return 0;
  console.error(
    `The key that seals secret parameters could not be kept in the azd environment: ${error?.message ?? `azd ended with ${status}`}. Run "azd env set ERRAND_SECRET_KEY $(openssl rand -base64 32)" and try again.`,
  );
  return 1;
}

process.exitCode = ensureSecretKey(process.env);
