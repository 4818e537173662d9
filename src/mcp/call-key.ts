import { createHash } from 'node:crypto';

/**
 * Names a request of a session: an idempotency key for its run. Within a session no id is used twice (JSON-RPC 2.0 over MCP, "Requests"), so a
 * request that comes again is the same request.
 */
export function callKey(session: string, requestId: string | number): string {
  return createHash('sha256')
    .update(JSON.stringify([session, requestId]))
    .digest('hex')
    .slice(0, 32);
}
