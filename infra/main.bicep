targetScope = 'subscription'

metadata description = 'Errand on Azure: a function app that starts one container group per run, and nothing that costs while nothing is asked of it.'

@minLength(1)
@maxLength(40)
@description('Name of the azd environment. All names are made of it.')
param environmentName string

@minLength(1)
@description('Region of everything but the runs, and of the runs, too, unless runRegions says otherwise. Must offer Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@minLength(44)
@maxLength(44)
@secure()
@description('32 bytes in base64, which seal the secret parameters of waiting runs. The hook before provisioning makes it once.')
param secretKey string

@description('Regions of the runs in order of preference, separated by commas; when one has no room, the next is tried. Empty: the region of everything else.')
param runRegions string = ''

@description('Start of the name of every container group.')
@minLength(1)
@maxLength(16)
param namePrefix string = 'errand'

@allowed(['22', '24'])
@description('Major version of Node.js. 22 is for regions that do not offer 24 yet.')
param nodeVersion string = '24'

@allowed(['512', '2048', '4096'])
@description('Memory of an instance of the function app, in MB. It is what an instance costs while it works.')
param instanceMemoryMB string = '2048'

@description('Resource ids of identities, separated by commas, that definitions may name besides the default one.')
param taskIdentityResourceIds string = ''

@description('Resource id of a container registry that the default task identity pulls images from. Empty: public images only.')
param containerRegistryResourceId string = ''

@description('Resource id of a subnet that is delegated to Container Instances, to run tasks in. It wins over createRunnerNetwork.')
param runnerSubnetResourceId string = ''

@allowed(['true', 'false'])
@description('Make a virtual network with such a subnet.')
param createRunnerNetwork string = 'false'

@description('Resource id of a NAT gateway, by which tasks in the network that is made reach the Internet.')
param natGatewayResourceId string = ''

@allowed(['true', 'false'])
@description('Also send what containers write to Log Analytics. The key of the workspace is then a setting of the function app.')
param containerLogs string = 'false'

@allowed(['function', 'anonymous'])
@description('Whether the Functions host asks for a function key before Errand asks for anything.')
param authLevel string = 'function'

@description('Application id, or its URI, that tokens of Entra ID must be for. Empty: such tokens are not taken.')
param entraAudience string = ''

@secure()
@description('File of hashed API keys, in base64. Empty: API keys are not taken.')
param apiKeysBase64 string = ''

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var makeNetwork = createRunnerNetwork == 'true' && empty(runnerSubnetResourceId)
var otherTaskIdentities = empty(taskIdentityResourceIds) ? [] : split(replace(taskIdentityResourceIds, ' ', ''), ',')

// The parts of its id: who leaves it out gets a group that is there, since a scope is computed even where nothing is assigned.
var registry = empty(containerRegistryResourceId)
  ? ['', 'subscriptions', subscription().subscriptionId, 'resourceGroups', 'rg-${environmentName}', 'none']
  : split(containerRegistryResourceId, '/')

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

resource runsGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}-runs'
  location: location
  tags: tags
}

module functionIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.4.1' = {
  name: 'function-identity'
  scope: group
  params: {
    name: 'id-function-${token}'
    location: location
    tags: tags
  }
}

module eventIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.4.1' = {
  name: 'event-identity'
  scope: group
  params: {
    name: 'id-event-${token}'
    location: location
    tags: tags
  }
}

module taskIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.4.1' = {
  name: 'task-identity'
  scope: group
  params: {
    name: 'id-task-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'sterrand${token}'
    location: location
    tags: tags
  }
}

module storageRoles 'modules/storage-roles.bicep' = {
  name: 'storage-roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    queueName: storage.outputs.queueName
    functionPrincipalId: functionIdentity.outputs.principalId
    eventPrincipalId: eventIdentity.outputs.principalId
  }
}

module runsRole 'modules/runs-role.bicep' = {
  name: 'runs-role'
  scope: runsGroup
  params: {
    functionPrincipalId: functionIdentity.outputs.principalId
  }
}

module taskIdentityRole 'modules/identity-role.bicep' = {
  name: 'task-identity-role'
  scope: group
  params: {
    identityName: taskIdentity.outputs.name
    functionPrincipalId: functionIdentity.outputs.principalId
  }
}

module otherTaskIdentityRoles 'modules/identity-role.bicep' = [
  for (id, index) in otherTaskIdentities: {
    name: 'task-identity-role-${index}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      identityName: last(split(id, '/'))
      functionPrincipalId: functionIdentity.outputs.principalId
    }
  }
]

module registryRole 'modules/registry-role.bicep' = if (!empty(containerRegistryResourceId)) {
  name: 'registry-role'
  scope: resourceGroup(registry[2], registry[4])
  params: {
    registryName: last(registry)
    taskPrincipalId: taskIdentity.outputs.principalId
  }
}

module runnerNetwork 'modules/runner-network.bicep' = if (makeNetwork) {
  name: 'runner-network'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    natGatewayResourceId: natGatewayResourceId
    functionPrincipalId: functionIdentity.outputs.principalId
  }
}

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    storageAccountResourceId: storage.outputs.resourceId
    exchangesContainerName: storage.outputs.exchangesContainerName
    queueName: storage.outputs.queueName
    eventIdentityResourceId: eventIdentity.outputs.resourceId
  }
  dependsOn: [storageRoles]
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    nodeVersion: nodeVersion
    instanceMemoryMB: int(instanceMemoryMB)
    identityResourceId: functionIdentity.outputs.resourceId
    identityClientId: functionIdentity.outputs.clientId
    storage: {
      account: storage.outputs.name
      package: storage.outputs.packageContainerName
      tasks: storage.outputs.tasksContainerName
      exchanges: storage.outputs.exchangesContainerName
      queue: storage.outputs.queueName
      tablePrefix: storage.outputs.tablePrefix
    }
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    workspaceName: monitoring.outputs.workspaceName
    containerLogs: containerLogs == 'true'
    secretKey: secretKey
    apiKeysBase64: apiKeysBase64
    door: {
      authLevel: authLevel
      entraAudience: entraAudience
    }
    runs: {
      resourceGroup: runsGroup.name
      regions: empty(runRegions) ? location : runRegions
      namePrefix: namePrefix
      defaultIdentity: taskIdentity.outputs.resourceId
      identities: join(concat([taskIdentity.outputs.resourceId], otherTaskIdentities), ',')
      registries: empty(containerRegistryResourceId)
        ? ''
        : '${toLower(last(registry))}${environment().suffixes.acrLoginServer}=${taskIdentity.outputs.resourceId}'
      subnet: makeNetwork ? runnerNetwork!.outputs.subnetResourceId : runnerSubnetResourceId
    }
  }
  dependsOn: [storageRoles, runsRole, taskIdentityRole]
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output ERRAND_URL string = functionApp.outputs.url
output ERRAND_FUNCTION_APP_NAME string = functionApp.outputs.name
output ERRAND_RUNS_RESOURCE_GROUP string = runsGroup.name
output ERRAND_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output ERRAND_TASK_IDENTITY_ID string = taskIdentity.outputs.resourceId
output ERRAND_TASK_IDENTITY_CLIENT_ID string = taskIdentity.outputs.clientId
output ERRAND_TASK_IDENTITY_PRINCIPAL_ID string = taskIdentity.outputs.principalId
