import { randomUUID } from 'node:crypto';
import { instant } from '../../core/clock.ts';

/** What Event Grid puts into a storage queue when a blob was created: JSON in base64. Source: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage */
export function blobCreatedMessage(subject: string, now: number): string {
  const event = {
    topic: '/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/local',
    subject,
    eventType: 'Microsoft.Storage.BlobCreated',
    id: randomUUID(),
    data: { api: 'PutBlob', blobType: 'BlockBlob' },
    dataVersion: '',
    metadataVersion: '1',
    eventTime: instant(now),
  };
  return Buffer.from(JSON.stringify(event)).toString('base64');
}
