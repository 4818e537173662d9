import { ArmError } from './arm-error.ts';

/** Those whose container groups have the fields that the emulator knows. */
export const apiVersions = ['2021-10-01', '2022-09-01', '2023-05-01', '2024-05-01-preview', '2025-09-01'] as const;
/** The version that the service itself puts into the addresses of operations. */
const operationVersion = '2018-06-01';

/** Throws where the query names no version, or one that is not served. */
export function checkApiVersion(version: string | null, { isOperation }: { isOperation: boolean }): void {
  if (version === null) {
    throw new ArmError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  const served: readonly string[] = isOperation ? [operationVersion, ...apiVersions] : apiVersions;
  if (served.includes(version)) return;
  throw new ArmError(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for API version '${version}' of 'Microsoft.ContainerInstance'. The supported api-versions are '${served.join(', ')}'.`,
  );
}
