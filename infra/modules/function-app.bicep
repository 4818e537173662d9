metadata description = 'The function app on Flex Consumption, and everything that its code is told.'

param token string
param location string
param tags object
param nodeVersion string
param instanceMemoryMB int
param identityResourceId string
param identityClientId string
param applicationInsightsName string
param workspaceName string
param containerLogs bool

@secure()
param secretKey string

@secure()
param apiKeysBase64 string

@description('Names of the storage account and of what is in it.')
param storage {
  account: string
  package: string
  tasks: string
  exchanges: string
  queue: string
  tablePrefix: string
}

@description('Who is let in.')
param door {
  authLevel: string
  entraAudience: string
}

@description('Where runs go, and what they may use.')
param runs {
  resourceGroup: string
  regions: string
  namePrefix: string
  defaultIdentity: string
  identities: string
  registries: string
  subnet: string
}

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storage.account
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

// An empty setting counts as none.
var settings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: account.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: account.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: account.properties.primaryEndpoints.table
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  APPLICATION_INSIGHTS_NO_STATSBEAT: 'true'
  ERRAND_CLIENT_ID: identityClientId
  ERRAND_BLOB_ENDPOINT: account.properties.primaryEndpoints.blob
  ERRAND_QUEUE_ENDPOINT: account.properties.primaryEndpoints.queue
  ERRAND_TABLE_ENDPOINT: account.properties.primaryEndpoints.table
  ERRAND_TASKS_CONTAINER: storage.tasks
  ERRAND_EXCHANGES_CONTAINER: storage.exchanges
  ERRAND_TABLE_PREFIX: storage.tablePrefix
  ERRAND_QUEUE: storage.queue
  ERRAND_DRIVER: 'azure-container-instances'
  ERRAND_SUBSCRIPTION_ID: subscription().subscriptionId
  ERRAND_RESOURCE_GROUP: runs.resourceGroup
  ERRAND_REGIONS: runs.regions
  ERRAND_NAME_PREFIX: runs.namePrefix
  ERRAND_CONTAINER_NAME_PREFIX: runs.namePrefix
  ERRAND_DEFAULT_IDENTITY: runs.defaultIdentity
  ERRAND_IDENTITIES: runs.identities
  ERRAND_REGISTRIES: runs.registries
  ERRAND_SUBNET_ID: runs.subnet
  ERRAND_LOG_ANALYTICS_ID: containerLogs ? workspace.properties.customerId : ''
  ERRAND_LOG_ANALYTICS_KEY: containerLogs ? workspace.listKeys().primarySharedKey : ''
  ERRAND_AUTH_LEVEL: door.authLevel
  ERRAND_API_KEYS: empty(apiKeysBase64) ? '' : base64ToString(apiKeysBase64)
  ERRAND_ENTRA_TENANT_ID: empty(door.entraAudience) ? '' : tenant().tenantId
  ERRAND_ENTRA_AUDIENCE: door.entraAudience
  ERRAND_SECRET_KEY: secretKey
}

module plan 'br/public:avm/res/web/serverfarm:0.5.0' = {
  name: 'plan'
  params: {
    name: 'plan-${token}'
    location: location
    tags: tags
    kind: 'functionapp'
    reserved: true
    skuName: 'FC1'
  }
}

module site 'br/public:avm/res/web/site:0.19.3' = {
  name: 'site'
  params: {
    name: 'func-${token}'
    location: location
    tags: union(tags, { 'azd-service-name': 'errand' })
    kind: 'functionapp,linux'
    serverFarmResourceId: plan.outputs.resourceId
    httpsOnly: true
    clientAffinityEnabled: false
    managedIdentities: {
      userAssignedResourceIds: [identityResourceId]
    }
    basicPublishingCredentialsPolicies: [
      { name: 'ftp', allow: false }
      { name: 'scm', allow: false }
    ]
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${storage.package}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityResourceId
          }
        }
      }
      runtime: {
        name: 'node'
        version: nodeVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: 100
      }
    }
    siteConfig: {
      alwaysOn: false
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      appSettings: map(items(settings), setting => { name: setting.key, value: setting.value })
    }
  }
}

output name string = site.outputs.name
output url string = 'https://${site.outputs.defaultHostname}'
