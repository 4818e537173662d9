metadata description = 'A fence or a result that a runner writes becomes a message in the work queue, so that runners need not call anybody.'

param token string
param location string
param tags object
param storageAccountResourceId string
param exchangesContainerName string
param queueName string
param eventIdentityResourceId string

module topic 'br/public:avm/res/event-grid/system-topic:0.6.3' = {
  name: 'topic'
  params: {
    name: 'evgt-${token}'
    location: location
    tags: tags
    source: storageAccountResourceId
    topicType: 'Microsoft.Storage.StorageAccounts'
    managedIdentities: {
      userAssignedResourceIds: [eventIdentityResourceId]
    }
  }
}

resource systemTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: 'evgt-${token}'
}

resource fencesAndResults 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: systemTopic
  name: 'fences-and-results'
  properties: {
    deliveryWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: eventIdentityResourceId
      }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storageAccountResourceId
          queueName: queueName
          queueMessageTimeToLiveInSeconds: -1
        }
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${exchangesContainerName}/blobs/exchanges/'
      isSubjectCaseSensitive: true
      advancedFilters: [
        {
          operatorType: 'StringEndsWith'
          key: 'subject'
          values: ['/result.json', '/fence']
        }
      ]
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
  dependsOn: [topic]
}
