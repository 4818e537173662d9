metadata description = 'Lets the function app start, look at and remove container groups in this resource group, which holds nothing else.'

param functionPrincipalId string

var azureContainerInstancesContributor = '5d977122-f97e-4b4d-a52f-6b43003ddb4d'

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, functionPrincipalId, azureContainerInstancesContributor)
  scope: resourceGroup()
  properties: {
    principalId: functionPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      azureContainerInstancesContributor
    )
  }
}
