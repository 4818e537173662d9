metadata description = 'A virtual network with a subnet for runners. The storage account is reached through a service endpoint; the Internet only by a NAT gateway.'

param token string
param location string
param tags object
param natGatewayResourceId string
param functionPrincipalId string

var subnetName = 'runners'
var networkContributor = '4d97b98b-1d4f-4787-a291-c67834d212e7'

module network 'br/public:avm/res/network/virtual-network:0.7.0' = {
  name: 'network'
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
    addressPrefixes: ['10.42.0.0/16']
    subnets: [
      {
        name: subnetName
        addressPrefix: '10.42.0.0/22'
        delegation: 'Microsoft.ContainerInstance/containerGroups'
        serviceEndpoints: ['Microsoft.Storage']
        natGatewayResourceId: empty(natGatewayResourceId) ? null : natGatewayResourceId
      }
    ]
  }
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2024-01-01' existing = {
  name: 'vnet-${token}'

  resource subnet 'subnets' existing = {
    name: subnetName
  }
}

// To put a container group into a subnet takes the right to join it, which no smaller built-in role has.
resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(virtualNetwork::subnet.id, functionPrincipalId, networkContributor)
  scope: virtualNetwork::subnet
  properties: {
    principalId: functionPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', networkContributor)
  }
  dependsOn: [network]
}

output subnetResourceId string = virtualNetwork::subnet.id
