import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';

/** Something that lies in the storage account: its place, and all of its text. */
export interface AtRest {
  place: string;
  text: string;
}

const insecure = { allowInsecureConnection: true };

/** Every entity, every blob (with metadata), every message that can be seen, of all tables, blob containers and queues whose names begin so. */
export async function atRest(connectionString: string, prefix: string): Promise<AtRest[]> {
  const found: AtRest[] = [];
  for (const table of await tablesOf(connectionString, prefix))
    for await (const entity of TableClient.fromConnectionString(connectionString, table, insecure).listEntities())
      found.push({ place: `table ${table} ${entity.partitionKey} ${entity.rowKey}`, text: readable(entity) });
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  for await (const { name: container } of blobs.listContainers({ prefix })) {
    const client = blobs.getContainerClient(container);
    for await (const { name, metadata } of client.listBlobsFlat({ includeMetadata: true })) {
      const bytes = await client.getBlobClient(name).downloadToBuffer();
      found.push({
        place: `blob ${container}/${name}`,
        text: `${JSON.stringify(metadata)} ${bytes.toString('latin1')}`,
      });
    }
  }
  const queues = QueueServiceClient.fromConnectionString(connectionString);
  for await (const { name } of queues.listQueues({ prefix })) {
    const { peekedMessageItems } = await queues.getQueueClient(name).peekMessages({ numberOfMessages: 32 });
    for (const { messageText } of peekedMessageItems)
      found.push({ place: `queue ${name}`, text: `${messageText} ${Buffer.from(messageText, 'base64').toString()}` });
  }
  return found;
}

/** Removes all of it. */
export async function removeAtRest(connectionString: string, prefix: string): Promise<void> {
  const tables = TableServiceClient.fromConnectionString(connectionString, insecure);
  for (const name of await tablesOf(connectionString, prefix)) await tables.deleteTable(name);
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  for await (const { name } of blobs.listContainers({ prefix })) await blobs.deleteContainer(name);
  const queues = QueueServiceClient.fromConnectionString(connectionString);
  for await (const { name } of queues.listQueues({ prefix })) await queues.deleteQueue(name);
}

async function tablesOf(connectionString: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of TableServiceClient.fromConnectionString(connectionString, insecure).listTables())
    if (name?.startsWith(prefix) === true) names.push(name);
  return names;
}

/** Bytes as text as well as in base64. */
function readable(entity: object): string {
  return Object.entries(entity)
    .map(([name, value]: [string, unknown]) => {
      const bytes = value instanceof Uint8Array ? Buffer.from(value) : undefined;
      return `${name}=${bytes === undefined ? JSON.stringify(value) : `${bytes.toString('latin1')} ${bytes.toString('base64')}`}`;
    })
    .join('\n');
}
