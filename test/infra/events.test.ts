import { beforeAll, describe, expect, test } from 'vitest';
import { exchangeNames } from '../../src/artifacts/azure-exchange-names.ts';
import { decodeMessage } from '../../src/queues/azure-queue-message.ts';
import type { BicepFile } from './support/bicep-file.ts';
import { at, textAt, type BicepValue } from './support/bicep-value.ts';
import { mainPath, paramsOf, readInfra } from './support/infra.ts';

let files: ReadonlyMap<string, BicepFile>;
let properties: BicepValue | undefined;
beforeAll(async () => {
  files = await readInfra();
  properties = at(files.get('infra/modules/events.bicep')?.resources.get('fencesAndResults')?.value, 'properties');
});

const runId = '01arz3ndektsv4rrffq69g5fav';
const names = exchangeNames({ runId, attempt: 1 });
const subjectOf = (blob: string) => `/blobServices/default/containers/errand/blobs/${blob}`;

/** Whether the subscription lets an event of this blob through. */
function isDelivered(blob: string): boolean {
  const begin = textAt(properties, 'filter', 'subjectBeginsWith').replace('${exchangesContainerName}', 'errand');
  const filters = at(properties, 'filter', 'advancedFilters');
  if (!Array.isArray(filters)) throw new TypeError('no advanced filters');
  const ends = filters.map((filter) => {
    expect(filter).toMatchObject({ operatorType: 'StringEndsWith', key: 'subject' });
    return at(filter, 'values');
  });
  const subject = subjectOf(blob);
  return (
    subject.startsWith(begin) &&
    ends.every(
      (values) => Array.isArray(values) && values.some((end) => typeof end === 'string' && subject.endsWith(end)),
    )
  );
}

describe('events', () => {
  test.each([names.fence, names.result])('of %s become messages that the work queue understands', (blob) => {
    expect(isDelivered(blob)).toBe(true);
    const [eventType] = [at(properties, 'filter', 'includedEventTypes')].flat();
    expect(decodeMessage(JSON.stringify({ eventType: eventType ?? null, subject: subjectOf(blob) }))).toEqual({
      kind: 'event',
      runId,
      attempt: 1,
    });
  });

  test.each([
    names.opened,
    names.log,
    names.output,
    names.file(0),
    names.collected,
    names.discarded,
    'check',
    'fence',
    'other/1/fence',
  ])('of %s wake nobody', (blob) => {
    expect(isDelivered(blob)).toBe(false);
  });

  test('go into the work queue, as an identity', () => {
    expect(properties).toMatchObject({
      eventDeliverySchema: 'EventGridSchema',
      filter: { includedEventTypes: ['Microsoft.Storage.BlobCreated'] },
      deliveryWithResourceIdentity: {
        identity: { type: 'UserAssigned', userAssignedIdentity: '=eventIdentityResourceId' },
        destination: {
          endpointType: 'StorageQueue',
          properties: { resourceId: '=storageAccountResourceId', queueName: '=queueName' },
        },
      },
    });
    expect(at(properties, 'destination')).toBeUndefined();
    const given = paramsOf(files, mainPath, 'events');
    expect(textAt(given, 'eventIdentityResourceId')).toBe('eventIdentity.outputs.resourceId');
    expect(textAt(given, 'queueName')).toBe('storage.outputs.queueName');
    expect(textAt(given, 'exchangesContainerName')).toBe('storage.outputs.exchangesContainerName');
  });

  test('come from the storage account, by a topic that has that identity', () => {
    expect(paramsOf(files, 'infra/modules/events.bicep', 'topic')).toMatchObject({
      name: 'evgt-${token}',
      source: '=storageAccountResourceId',
      topicType: 'Microsoft.Storage.StorageAccounts',
      managedIdentities: { userAssignedResourceIds: ['=eventIdentityResourceId'] },
    });
    const resources = files.get('infra/modules/events.bicep')?.resources;
    expect(resources?.get('systemTopic')).toMatchObject({ existing: true, value: { name: 'evgt-${token}' } });
    expect(at(resources?.get('fencesAndResults')?.value, 'parent')).toBe('=systemTopic');
  });

  test('are subscribed to once the identity may write into the queue', () => {
    expect(at(files.get(mainPath)?.modules.get('events')?.value, 'dependsOn')).toEqual(['=storageRoles']);
  });
});
