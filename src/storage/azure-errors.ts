import { ErrandError } from '../contract/errors.ts';

/** What an SDK error carries that we go by. Every field may be missing. */
interface ServiceError {
  name: string;
  message: string;
  statusCode?: number | undefined;
  /** The service's code, or that of the network (`ENOTFOUND`). */
  code?: string | undefined;
  retryAfterSeconds?: number | undefined;
}

/** Fields that errors of the SDK have, and others may have. */
interface SdkError extends Error {
  statusCode?: unknown;
  code?: unknown;
  details?: unknown;
  response?: unknown;
}

const roles = {
  table: 'Storage Table Data Contributor',
  blob: 'Storage Blob Data Contributor',
} as const;

export type AzureService = keyof typeof roles;

/** HTTP status and code of an error of the table or blob SDK. Source: https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes */
export function serviceError(error: unknown): ServiceError {
  if (!(error instanceof Error)) return { name: 'unknown', message: String(error) };
  const { statusCode, details, response, code: ownCode }: SdkError = error;
  const code = nestedCode(details) ?? ownCode;
  return {
    name: error.name,
    message: error.message,
    statusCode: typeof statusCode === 'number' ? statusCode : undefined,
    code: typeof code === 'string' ? code : undefined,
    retryAfterSeconds: retryAfter(response),
  };
}

/** The tables answer with OData errors, the blobs with a header. */
function nestedCode(details: unknown): unknown {
  if (typeof details !== 'object' || details === null) return undefined;
  if ('odataError' in details) return nestedCode(details.odataError);
  if ('code' in details) return details.code;
  return 'errorCode' in details ? details.errorCode : undefined;
}

function retryAfter(response: unknown): number | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const headers = response.headers as { get?: (name: string) => string | undefined };
  const seconds = Number(headers.get?.('retry-after'));
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

/** What the storage account or the network said, in our own words: all of them may pass, so all are `storageUnavailable`, except a request that we built wrong. */
export function storageError(error: unknown, service: AzureService, host: string): unknown {
  if (error instanceof ErrandError) return error;
  const { name, message, statusCode, code, retryAfterSeconds } = serviceError(error);
  const what = `${service === 'table' ? 'Table' : 'Blob'} storage at ${host}`;
  const said = [statusCode, code].filter((part) => part !== undefined).join(' ');
  const unavailable = (text: string, seconds = retryAfterSeconds): ErrandError =>
    new ErrandError('storageUnavailable', text, {
      cause: plainError(error),
      ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
    });

  if (name.endsWith('AuthenticationError') || name.startsWith('Credential'))
    return unavailable(
      `No token for ${what} could be had: the identity of Errand is not there, or cannot sign in. Check the managed identity of the app, or "az login" on your machine.`,
    );
  if (statusCode === 401 || statusCode === 403)
    return unavailable(`${what} refuses us (${said}). ${wayIn(code, service)}`);
  if (statusCode === 429 || code === 'ServerBusy')
    return unavailable(
      `${what} is busy and asks us to come back later (${said}). Errand does so by itself; if it lasts, look at the metrics of the account.`,
      retryAfterSeconds ?? 1,
    );
  if (statusCode === undefined)
    return unavailable(
      `${what} cannot be reached (${code ?? name}: ${message}). Check the address, name resolution, and the network rules of the account.`,
    );
  if (statusCode >= 500 || statusCode === 408)
    return unavailable(`${what} is out of order at the moment (${said}). Errand tries again by itself.`);
  return error;
}

function wayIn(code: string | undefined, service: AzureService): string {
  const role = `Give the identity of Errand the role ${roles[service]} on the storage account; it takes some minutes to work.`;
  switch (code) {
    case 'KeyBasedAuthenticationNotPermitted':
      return 'The account takes no keys: leave the connection string out, and let Errand sign in with its identity.';
    case 'AuthorizationFailure':
      return `The network rules of the account may keep us out: let this network in. If they do not: ${role}`;
    case 'AuthenticationFailed':
      return `The key is wrong or was rotated, the token is not valid, or the clock of this machine is more than 15 minutes off. With an identity: ${role}`;
    default:
      return role;
  }
}

/** An error of the SDK without the request that it carries: that has a token, a signature or a signed URL in its headers or address. */
export function plainError(error: unknown): Error {
  const { name, message, statusCode, code } = serviceError(error);
  const plain = new Error(message.replaceAll(/([?&]sig=)[^&\s"]*/g, '$1…'));
  plain.name = name;
  if (error instanceof Error && error.stack !== undefined) plain.stack = error.stack.replace(message, plain.message);
  return Object.assign(plain, { statusCode, code });
}
