/** Built-in roles, from https://learn.microsoft.com/azure/role-based-access-control/built-in-roles and its pages by category. */
export const roleIds = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b', // …/storage#storage-blob-data-owner
  storageBlobDelegator: 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a', // …/storage#storage-blob-delegator
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88', // …/storage#storage-queue-data-contributor
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a', // …/storage#storage-queue-data-message-sender
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3', // …/storage#storage-table-data-contributor
  azureContainerInstancesContributor: '5d977122-f97e-4b4d-a52f-6b43003ddb4d', // …/containers#azure-container-instances-contributor-role
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d', // …/containers#acrpull
  managedIdentityOperator: 'f1a07417-d97a-45cb-824c-7a7467783830', // …/identity#managed-identity-operator
  networkContributor: '4d97b98b-1d4f-4787-a291-c67834d212e7', // …/networking#network-contributor
} as const;
