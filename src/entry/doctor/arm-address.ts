import type { AzureConfig } from '../azure-config.ts';

/** Of Resource Manager, as the SDK has it where none is configured. */
export function armAddress({ armEndpoint }: Pick<AzureConfig, 'armEndpoint'>): string {
  return (armEndpoint ?? 'https://management.azure.com').replace(/\/+$/, '');
}
