import type { ContainerInstanceManagementClient } from '@azure/arm-containerinstance';
import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { AzureAnswer, toAnswer } from './azure-answer.ts';
import type { AzureConnection, AzureRateLimit } from './azure-settings.ts';

export interface ArmOptions {
  connection: AzureConnection;
  subscriptionId: string;
  requestMs: number;
  clock: Clock;
  logger: Logger;
  onRateLimit?: ((limit: AzureRateLimit) => void) | undefined;
}

export interface ArmCallOptions extends Cancelable {
  timeoutMs?: number | undefined;
}

type Send<T> = (client: ContainerInstanceManagementClient, abortSignal: AbortSignal) => Promise<T>;

/** Azure Resource Manager. Every request is sent once, with a time limit; what it throws holds nothing of the request. */
export interface Arm {
  /** For messages. */
  address: string;
  /** Throws {@link AzureAnswer} for an answer that is not success, and `platformUnavailable` where none came. `what` completes "Azure gave no answer when asked to …". */
  call<T>(what: string, options: ArmCallOptions, send: Send<T>): Promise<T>;
  /** As `call`, for what may be repeated: asked up to three times where no answer came, or one that blames the service. */
  read<T>(what: string, options: ArmCallOptions, send: Send<T>): Promise<T>;
  /**
   * As `call`, for what the service carries out after it has accepted it. Returns with the acceptance: the SDK would go on polling, and a poll that fails
   * would look like a request that did.
   */
  begin(
    what: string,
    options: ArmCallOptions,
    send: (client: ContainerInstanceManagementClient, options: BeginOptions) => Promise<unknown>,
  ): Promise<void>;
}

export interface BeginOptions {
  abortSignal: AbortSignal;
  onResponse: (response: { status: number }) => void;
}

const publicCloud = 'https://management.azure.com';
const pausesMs = [200, 600] as const;
const rateLimitHeader = 'x-ms-ratelimit-remaining-';
/** Below this many requests left it is worth a line in the log. */
const fewLeft = 10;

export function azureArm(options: ArmOptions): Arm {
  const { clock } = options;
  const address = options.connection.endpoint ?? publicCloud;
  let client: Promise<ContainerInstanceManagementClient> | undefined;

  async function call<T>(
    what: string,
    { signal, timeoutMs = options.requestMs }: ArmCallOptions,
    send: Send<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    client ??= makeClient(options);
    const ready = await client;
    const limit = new AbortController();
    const silent = new Error(`nothing came within ${Math.round(timeoutMs / 1000)} s`);
    const disarm = clock.after(timeoutMs, () => limit.abort(silent));
    const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
    try {
      return await send(ready, either);
    } catch (error) {
      signal?.throwIfAborted();
      throw toAnswer(error, clock.now()) ?? unanswered(what, address, limit.signal.aborted ? silent : error);
    } finally {
      disarm();
    }
  }

  return {
    address,
    call,

    async read(what, callOptions, send) {
      const { timeoutMs = options.requestMs } = callOptions;
      const patience = clock.monotonic() + timeoutMs;
      for (const pauseMs of pausesMs) {
        try {
          return await call(what, callOptions, send);
        } catch (error) {
          // Who was silent for all that time is not asked once more.
          if (!isWorthAnotherTry(error) || clock.monotonic() >= patience) throw error;
          await clock.sleep(pauseMs, { signal: callOptions.signal });
        }
      }
      return call(what, callOptions, send);
    },

    begin: (what, callOptions, send) =>
      call(what, callOptions, async (ready, abortSignal) => {
        const accepted = new AbortController();
        const onResponse = ({ status }: { status: number }): void => {
          if (status >= 200 && status < 300) accepted.abort(new Error('accepted'));
        };
        try {
          await send(ready, { abortSignal: AbortSignal.any([abortSignal, accepted.signal]), onResponse });
        } catch (error) {
          if (!accepted.signal.aborted) throw error;
        }
      }),
  };
}

function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof AzureAnswer) return error.status >= 500 || error.status === 408;
  return error instanceof ErrandError && error.code === 'platformUnavailable';
}

async function makeClient(options: ArmOptions): Promise<ContainerInstanceManagementClient> {
  const { connection, subscriptionId, logger, onRateLimit } = options;
  const { ContainerInstanceManagementClient: Client } = await import('@azure/arm-containerinstance');
  // What the SDK would repeat by itself is a request whose answer may be lost: repeating is decided here, per request.
  const common = { retryOptions: { maxRetries: 0 } };
  const client =
    'allowInsecure' in connection
      ? new Client({ getToken: async () => null }, subscriptionId, {
          ...common,
          endpoint: connection.endpoint,
          allowInsecureConnection: true,
        })
      : new Client(connection.credential, subscriptionId, {
          ...common,
          ...(connection.endpoint === undefined ? {} : { endpoint: connection.endpoint }),
          ...(connection.ca === undefined ? {} : { tlsOptions: { ca: connection.ca } }),
        });
  if ('allowInsecure' in connection) client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
  client.pipeline.addPolicy({
    name: 'errandRateLimits',
    sendRequest: async (request, next) => {
      const response = await next(request);
      for (const [name, value] of response.headers) {
        if (!name.startsWith(rateLimitHeader) || !/^\d+$/.test(value)) continue;
        const limit = name.slice(rateLimitHeader.length);
        const remaining = Number(value);
        if (remaining < fewLeft)
          logger.info({ limit, remaining }, 'Azure takes few more requests of this kind for now');
        onRateLimit?.({ method: request.method, limit, remaining });
      }
      return response;
    },
  });
  return client;
}

/** Whether Azure did what it was asked is open. The cause is said and not kept: the SDK's error has the request in it. */
function unanswered(what: string, address: string, cause: unknown): ErrandError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const isToken = cause instanceof Error && /Credential|Authentication/.test(cause.name);
  const mend = isToken
    ? 'There is no token to ask with: check the identity that Errand runs as ("az account get-access-token").'
    : 'Check that this machine reaches it, and https://azure.status.microsoft.';
  return new ErrandError(
    'platformUnavailable',
    `Azure at ${address} gave no answer when asked to ${what} (${why}). ${mend}`,
  );
}
