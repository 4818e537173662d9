import type { MiddlewareHandler } from 'hono';
import { ErrandError } from '../contract/errors.ts';
import type { AppEnv } from './app-options.ts';

/** localhost and the loopback addresses of RFC 1122 and RFC 4291, with any port. */
const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?$/i;

/**
 * For a server without keys: takes only requests that name this machine. A page whose name was made to resolve to 127.0.0.1 sends its own name
 * as Host, and a foreign page sends its own Origin.
 */
export const guardHost: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { headers, url } = c.req.raw;
  const host = headers.get('host') ?? new URL(url).host;
  if (!loopback.test(host)) {
    throw new ErrandError(
      'hostNotAllowed',
      'without API keys only requests to localhost are taken: use http://localhost, or configure keys (ERRAND_API_KEYS_FILE)',
    );
  }
  const origin = headers.get('origin');
  if (origin !== null && !isLoopbackOrigin(origin)) {
    throw new ErrandError(
      'originNotAllowed',
      'without API keys no foreign web page may use this server: configure keys (ERRAND_API_KEYS_FILE)',
    );
  }
  return next();
};

function isLoopbackOrigin(origin: string): boolean {
  return /^https?:\/\//.test(origin) && URL.canParse(origin) && loopback.test(new URL(origin).host);
}
