metadata description = 'Log Analytics, and Application Insights on top of it.'

param token string
param location string
param tags object

module workspace 'br/public:avm/res/operational-insights/workspace:0.12.0' = {
  name: 'workspace'
  params: {
    name: 'log-${token}'
    location: location
    tags: tags
    dataRetention: 30
  }
}

module applicationInsights 'br/public:avm/res/insights/component:0.6.0' = {
  name: 'application-insights'
  params: {
    name: 'appi-${token}'
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    kind: 'web'
    applicationType: 'web'
  }
}

output applicationInsightsName string = applicationInsights.outputs.name
output workspaceName string = workspace.outputs.name
