import type { TokenCredential } from '@azure/identity';

/**
 * The identity that Errand runs as: on Azure the managed identity (`clientId` where there are several), on a developer's machine whoever is signed in to
 * the Azure CLI. The SDK is loaded with the first token, since loading it takes longer than anything else at a cold start.
 */
export function azureCredential(clientId: string | undefined): TokenCredential {
  let inner: Promise<TokenCredential> | undefined;
  return {
    getToken: async (requested, options) => {
      inner ??= load(clientId);
      return (await inner).getToken(requested, options);
    },
  };
}

async function load(clientId: string | undefined): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential(clientId === undefined ? {} : { managedIdentityClientId: clientId });
}
