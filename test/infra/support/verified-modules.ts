/**
 * What we use of Azure Verified Modules, by the version that we use. The registry cannot be asked offline: versions, parameters and outputs are those of
 * the modules' pages and change logs below https://github.com/Azure/bicep-registry-modules/tree/main/avm/res, and of templates in public use.
 */
export const verifiedModules: Readonly<Record<string, { params: readonly string[]; outputs: readonly string[] }>> = {
  'managed-identity/user-assigned-identity:0.4.1': {
    params: words('name location tags'),
    outputs: words('name resourceId principalId clientId'),
  },
  'operational-insights/workspace:0.12.0': {
    params: words('name location tags dataRetention'),
    outputs: words('name resourceId'),
  },
  'insights/component:0.6.0': {
    params: words('name location tags workspaceResourceId kind applicationType'),
    outputs: words('name resourceId connectionString'),
  },
  'storage/storage-account:0.26.2': {
    params: words(
      'name location tags kind skuName accessTier allowSharedKeyAccess allowBlobPublicAccess allowCrossTenantReplication defaultToOAuthAuthentication supportsHttpsTrafficOnly minimumTlsVersion publicNetworkAccess networkAcls blobServices queueServices tableServices',
    ),
    outputs: words('name resourceId'),
  },
  'event-grid/system-topic:0.6.3': {
    params: words('name location tags source topicType managedIdentities'),
    outputs: words('name resourceId'),
  },
  'network/virtual-network:0.7.0': {
    params: words('name location tags addressPrefixes subnets'),
    outputs: words('name resourceId subnetResourceIds'),
  },
  'web/serverfarm:0.5.0': {
    params: words('name location tags kind reserved skuName'),
    outputs: words('name resourceId'),
  },
  'web/site:0.19.3': {
    params: words(
      'name location tags kind serverFarmResourceId httpsOnly clientAffinityEnabled managedIdentities basicPublishingCredentialsPolicies functionAppConfig siteConfig',
    ),
    outputs: words('name resourceId defaultHostname'),
  },
};

function words(text: string): readonly string[] {
  return text.split(' ');
}
