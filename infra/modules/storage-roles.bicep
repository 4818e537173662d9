metadata description = 'Who may do what in the storage account.'

param storageAccountName string
param queueName string
param functionPrincipalId string
param eventPrincipalId string

var functionRoles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDelegator: 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}
var storageQueueDataMessageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName

  resource queueServices 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' existing = {
      name: queueName
    }
  }
}

resource functionAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(functionRoles): {
    name: guid(account.id, functionPrincipalId, role.value)
    scope: account
    properties: {
      principalId: functionPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    }
  }
]

// Event Grid may put messages into this one queue, and read none.
resource eventAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account::queueServices::queue.id, eventPrincipalId, storageQueueDataMessageSender)
  scope: account::queueServices::queue
  properties: {
    principalId: eventPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataMessageSender)
  }
}
