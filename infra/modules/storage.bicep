metadata description = 'The storage account: records, definitions, exchanges, wake-ups, and the package of the function app. Nobody has a key to it.'

param name string
param location string
param tags object

var tasksContainerName = 'tasks'
var exchangesContainerName = 'errand'
var packageContainerName = 'deployment'
var tablePrefix = 'errand'
var queueName = 'errand-work'

// Runners come from addresses that nobody knows beforehand, so the network is open; what protects the account is that every request is signed or has a token.
module account 'br/public:avm/res/storage/storage-account:0.26.2' = {
  name: 'account'
  params: {
    name: name
    location: location
    tags: tags
    kind: 'StorageV2'
    skuName: 'Standard_LRS'
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: 'Allow'
    }
    blobServices: {
      containers: [
        { name: tasksContainerName, publicAccess: 'None' }
        { name: exchangesContainerName, publicAccess: 'None' }
        { name: '${tablePrefix}-records', publicAccess: 'None' }
        { name: packageContainerName, publicAccess: 'None' }
      ]
    }
    queueServices: {
      queues: [
        { name: queueName }
        { name: '${queueName}-poison' }
      ]
    }
    tableServices: {
      tables: [
        { name: '${tablePrefix}runs' }
        { name: '${tablePrefix}index' }
        { name: '${tablePrefix}state' }
      ]
    }
  }
}

output name string = account.outputs.name
output resourceId string = account.outputs.resourceId
output tablePrefix string = tablePrefix
output queueName string = queueName
output tasksContainerName string = tasksContainerName
output exchangesContainerName string = exchangesContainerName
output packageContainerName string = packageContainerName
