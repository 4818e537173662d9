import { ErrandError } from '../contract/errors.ts';

/** Fields that errors of the SDK have, and others may have. */
interface SdkError extends Error {
  statusCode?: unknown;
  code?: unknown;
  response?: unknown;
}

/** HTTP status and code of an error of the queue SDK. Source: https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes */
export function queueErrorFacts(error: unknown): { status?: number; code?: string; retryAfterSeconds?: number } {
  if (!(error instanceof Error)) return {};
  const { statusCode, code, response }: SdkError = error;
  const seconds = Number(headersOf(response)?.get?.('retry-after'));
  return {
    ...(typeof statusCode === 'number' ? { status: statusCode } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(seconds > 0 ? { retryAfterSeconds: seconds } : {}),
  };
}

function headersOf(response: unknown): { get?: (name: string) => string | undefined } | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  return response.headers as { get?: (name: string) => string | undefined };
}

/** What the queue service or the network said, in our own words. A request that we built wrong comes back as it is. */
export function queueError(error: unknown, host: string): unknown {
  if (error instanceof ErrandError || !(error instanceof Error)) return error;
  const { status, code, retryAfterSeconds } = queueErrorFacts(error);
  const said = [status, code].filter((part) => part !== undefined).join(' ');
  const unavailable = (text: string, seconds = retryAfterSeconds): ErrandError =>
    new ErrandError('storageUnavailable', text, {
      cause: plainError(error),
      ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
    });
  if (error.name.endsWith('AuthenticationError') || error.name.startsWith('Credential'))
    return unavailable(
      `No token for Queue storage at ${host} could be had: the identity of Errand is not there, or cannot sign in. Check the managed identity of the app, or "az login" on your machine.`,
    );
  if (status === 401 || status === 403)
    return unavailable(
      `Queue storage at ${host} refuses us (${said}). Give the identity of Errand the role Storage Queue Data Contributor on the storage account; it takes some minutes to work. With a connection string, check that its key was not rotated and that the account takes keys.`,
    );
  if (status === 429 || code === 'ServerBusy')
    return unavailable(
      `Queue storage at ${host} is busy and asks us to come back later (${said}). Errand does so by itself.`,
      retryAfterSeconds ?? 1,
    );
  if (status === undefined)
    return unavailable(
      `Queue storage at ${host} cannot be reached (${code ?? error.name}: ${error.message}). Check the address, name resolution, and the network rules of the account.`,
    );
  if (status >= 500 || status === 408)
    return unavailable(
      `Queue storage at ${host} is out of order at the moment (${said}). Errand tries again by itself.`,
    );
  return error;
}

/** An error of the SDK without the request that it carries: that has a token, a signature or a signed URL in its headers or address. */
function plainError(error: Error): Error {
  const { status, code } = queueErrorFacts(error);
  const plain = new Error(error.message.replaceAll(/([?&]sig=)[^&\s"]*/g, '$1…'));
  plain.name = error.name;
  if (error.stack !== undefined) plain.stack = error.stack.replace(error.message, plain.message);
  return Object.assign(plain, { statusCode: status, code });
}
