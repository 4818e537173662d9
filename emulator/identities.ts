import { createHash } from 'node:crypto';

import type { GroupSpec } from './group-spec.ts';
import type { IssuedIdentity } from './metadata-endpoint.ts';

export const tenantId = '88888888-8888-8888-8888-888888888888';

/** The same text gives the same UUID: a user-assigned identity keeps its ids wherever it is used. */
function uuidOf(text: string): string {
  const digits = createHash('sha256').update(text.toLowerCase()).digest('hex');
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20, 32),
  ].join('-');
}

export function systemIdentity(groupId: string, salt: string): IssuedIdentity {
  return {
    id: undefined,
    clientId: uuidOf(`client ${groupId} ${salt}`),
    principalId: uuidOf(`principal ${groupId} ${salt}`),
    tenantId,
  };
}

/** All identities that a group has: its own one, where it asks for that, and the user-assigned ones. */
export function issueIdentities(spec: GroupSpec, own: IssuedIdentity): IssuedIdentity[] {
  const ids = Object.keys(spec.identity?.userAssignedIdentities ?? {});
  return [
    ...(spec.identity?.type.includes('SystemAssigned') === true ? [own] : []),
    ...ids.map((id) => ({ id, clientId: uuidOf(`client ${id}`), principalId: uuidOf(`principal ${id}`), tenantId })),
  ];
}
