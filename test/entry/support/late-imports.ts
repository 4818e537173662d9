// An app that loads late what ours loads late, and says what it got.
const { TableClient } = await import('@azure/data-tables');
const { BlobServiceClient } = await import('@azure/storage-blob');
const { QueueClient } = await import('@azure/storage-queue');
const { ContainerInstanceManagementClient } = await import('@azure/arm-containerinstance');
const { DefaultAzureCredential } = await import('@azure/identity');
const { jwtVerify } = await import('jose');

const parts = {
  TableClient,
  BlobServiceClient,
  QueueClient,
  ContainerInstanceManagementClient,
  DefaultAzureCredential,
  jwtVerify,
};
process.stdout.write(JSON.stringify(Object.entries(parts).map(([name, part]) => `${name} ${typeof part}`)));
