import { ErrandError } from '../contract/errors.ts';

/** What the SDK throws for an answer or the lack of one. Told by its shape, so that the SDK is not loaded for it. */
interface RestError extends Error {
  code?: string;
  statusCode?: number;
  response?: { headers: { get(name: string): string | undefined } };
}

const roles =
  'Give the identity of Errand the role Storage Blob Data Owner (or Contributor) on the storage account, and Storage Blob Delegator, with which signed URLs are made; new assignments take some minutes';

export function isRestError(error: unknown): error is RestError {
  return error instanceof Error && error.name === 'RestError';
}

/** HTTP status of a failed request; undefined where no answer came, or where the error is of another kind. */
export function statusOf(error: unknown): number | undefined {
  return isRestError(error) ? error.statusCode : undefined;
}

/** Azure's name of what went wrong (`BlobNotFound`). A HEAD has it in a header alone. */
export function azureCodeOf(error: unknown): string | undefined {
  if (!isRestError(error)) return undefined;
  return error.response?.headers.get('x-ms-error-code') ?? error.code;
}

/** For a call whose "not there" is an answer. */
export async function unlessNotFound<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** What Blob storage said, in our own words. Errors of other kinds come back as they are. Not for what the caller has aborted. */
export function blobError(error: unknown, endpoint: string): unknown {
  if (!(error instanceof Error) || error instanceof ErrandError) return error;
  if (isIdentityError(error))
    return unavailable(
      error,
      `No token for Blob storage could be had: ${firstLine(error)}. Check the identity that Errand runs with (errand doctor says which)`,
    );
  if (isBrokenOff(error))
    return unavailable(
      error,
      `Blob storage at ${endpoint} broke off in the middle of an answer (${firstLine(error)}). Check the network between; Errand tries again by itself`,
    );
  if (!isRestError(error)) return error;
  const code = azureCodeOf(error);
  const said = code === undefined ? firstLine(error) : `${error.statusCode ?? 'no answer'} ${code}`;
  switch (error.statusCode) {
    case undefined:
      return unavailable(
        error,
        `Blob storage at ${endpoint} does not answer (${said}). Check the address, and that this machine can reach it`,
      );
    case 401:
      return unavailable(error, `Blob storage at ${endpoint} does not take our credentials (${said}). ${roles}`);
    case 403:
      return unavailable(error, `Blob storage at ${endpoint} refused (${said}). ${whyForbidden(code)}`);
    case 429:
    case 500:
    case 503:
      return unavailable(error, `Blob storage at ${endpoint} is busy or out of order (${said}). Try again later`);
    default:
      return unavailable(
        error,
        `Blob storage at ${endpoint} answered ${said}. Look it up among the error codes of Blob storage`,
      );
  }
}

function whyForbidden(code: string | undefined): string {
  switch (code) {
    case 'AuthenticationFailed':
    case 'InvalidAuthenticationInfo':
      return 'The account key is wrong, or the clock of this machine is off by more than 15 minutes: compare the key with that of the storage account, and the clock with another';
    case 'KeyBasedAuthenticationNotPermitted':
      return 'The storage account takes no account keys: configure its endpoint and an identity instead of a connection string';
    case 'AuthorizationFailure':
      return `The storage account's firewall may keep this machine out, or a role is missing. ${roles}`;
    default:
      return roles;
  }
}

/** A download whose connection is lost ends with the SDK's error for an abort; who asked for one has its reason before it comes to this. */
function isBrokenOff(error: Error): boolean {
  return error.name === 'AbortError' || error.message.startsWith('Data corruption failure');
}

/** Errors of the identity library, by its names for them. */
function isIdentityError(error: Error): boolean {
  return [
    'CredentialUnavailableError',
    'AuthenticationError',
    'AggregateAuthenticationError',
    'AuthenticationRequiredError',
  ].includes(error.name);
}

/** The SDK's own error holds the request with its authorization and, in details, what was signed: only what it said goes on. */
function unavailable(error: RestError, message: string): ErrandError {
  const cause = Object.assign(new Error(firstLine(error) || (azureCodeOf(error) ?? '')), {
    name: error.name,
    ...(error.statusCode === undefined ? {} : { statusCode: error.statusCode }),
    ...(azureCodeOf(error) === undefined ? {} : { code: azureCodeOf(error) }),
  });
  const seconds = Number(error.response?.headers.get('retry-after'));
  return new ErrandError('artifactsUnavailable', `${message}.`, {
    cause,
    ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: seconds } : {}),
  });
}

function firstLine(error: Error): string {
  return (error.message.split('\n')[0] ?? '').replaceAll(/([?&]sig=)[^&\s"']*/g, '$1***').trim();
}
