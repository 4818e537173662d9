import type { Cancelable } from '../core/ports/storage.ts';
import { storageError, type AzureService } from './azure-errors.ts';

/** How long one try may take before the connection counts as dead, in milliseconds. The service itself gives up after 30 seconds. */
export const tryTimeoutMs = 35_000;

/** Calls the service under the caller's signal: aborted, it throws the signal's reason; failed, an error in our own words. */
export async function azureCall<T>(
  service: AzureService,
  host: string,
  { signal }: Cancelable,
  call: (options: { abortSignal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await call(signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw storageError(error, service, host);
  }
}
