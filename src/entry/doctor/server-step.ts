import { ErrandApiError, ErrandConnectionError } from '../../client/errors.ts';
import { transport } from '../../client/transport.ts';
import type { Clock } from '../../core/clock.ts';
import { skewSaid } from './clock-skew.ts';
import { fail, ok, warn, type Said, type Step } from './finding.ts';

export interface ServerStepOptions {
  url: string;
  apiKey: string | undefined;
  /** Somebody has named this server, so it should be there. */
  named: boolean;
  clock: Clock;
}

/** What the server says of itself: it may run elsewhere, and as somebody else. */
export function serverStep({ url, apiKey, named, clock }: ServerStepOptions): Step {
  return {
    name: 'server',
    look: async (signal) => {
      const before = clock.now();
      let response: Response;
      try {
        response = await transport({ url, apiKey, retries: 0 }).send('/readyz', { signal });
      } catch (error) {
        return [refusal(error, url, named)];
      }
      const between = (before + clock.now()) / 2;
      const { status, poisonMessages }: { status?: unknown; poisonMessages?: unknown } = await response
        .json()
        .then((body: unknown) => (typeof body === 'object' && body !== null ? body : {}))
        .catch(() => ({}));
      if (status !== 'ready') return [fail(`what answers at ${url} is no Errand server`, 'Set ERRAND_URL, or --url.')];
      const said: Said[] = [ok(`${url} is ready`)];
      if (typeof poisonMessages === 'number' && poisonMessages > 0)
        said.push(
          warn(`${url} has put ${poisonMessages} messages aside that it could not work on`, 'Its log says why.'),
        );
      const skew = skewSaid({ name: url }, Date.parse(response.headers.get('date') ?? '') - between);
      return skew.level === 'ok' ? said : [...said, skew];
    },
  };
}

function refusal(error: unknown, url: string, named: boolean): Said {
  if (error instanceof ErrandConnectionError)
    return named ? fail(error.message) : ok(`none answers at ${url}, and none is needed for what is looked at here`);
  if (error instanceof ErrandApiError && error.details !== undefined)
    return fail(`${url} is not ready: ${error.message}`, 'Its log says more.');
  if (error instanceof ErrandApiError && (error.status === 401 || error.status === 403))
    return warn(
      `${url} wants a key before it says how it is (status ${error.status})`,
      'Set ERRAND_API_KEY to a key of the function app.',
    );
  const what = error instanceof Error ? error.message : String(error);
  return fail(`${url}: ${what}`, named ? undefined : 'Another program has the port: set ERRAND_PORT to a free one.');
}
