metadata description = 'The function app on Flex Consumption, and everything that its code is told.'

param token string
param location string
param tags object
param nodeVersion string
param instanceMemoryMB int
param identityResourceId string
param identityClientId string
param storageAccountName string
param packageContainerName string
param applicationInsightsName string

@secure()
param secretKey string

@description('Where runs go, and what they may use.')
param runs {
  resourceGroup: string
  regions: string
  namePrefix: string
  queue: string
  tasksContainer: string
  exchangesContainer: string
  defaultIdentity: string
  identities: string
  registries: string
  subnet: string
}

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

var settings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  AZURE_CLIENT_ID: identityClientId
  NODE_ENV: 'production'
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
          value: '${storage.properties.primaryEndpoints.blob}${packageContainerName}'
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
