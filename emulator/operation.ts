import type { EventRecord } from './event-record.ts';

export type OperationStatus = 'Pending' | 'Creating' | 'Succeeded' | 'Failed' | 'Canceled' | 'NotFound';

/** A PUT, start or restart on its way, as `Azure-AsyncOperation` shows it. */
export interface Operation {
  readonly id: string;
  readonly region: string;
  readonly subscription: string;
  readonly groupId: string;
  readonly startTime: string;
  status: OperationStatus;
  readonly events: EventRecord[];
  error: { code?: string; message: string } | undefined;
}

/** Ends an operation; one that has ended stays as it is. */
export function endOperation(
  operation: Operation,
  status: OperationStatus,
  error?: { code?: string; message: string },
): void {
  if (operation.status !== 'Pending' && operation.status !== 'Creating') return;
  operation.status = status;
  operation.error = error;
}

export function operationView({ groupId, status, startTime, events, error }: Operation): object {
  return { id: groupId, status, startTime, properties: { events }, ...(error === undefined ? {} : { error }) };
}

export function operationPath({ subscription, region, id }: Operation): string {
  return `/subscriptions/${subscription}/providers/Microsoft.ContainerInstance/locations/${region}/operations/${id}?api-version=2018-06-01`;
}
