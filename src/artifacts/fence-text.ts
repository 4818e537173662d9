import { z } from 'zod';
import type { Fence, OrchestratorFence } from '../core/ports/artifact-store.ts';

const runnerFenceSchema = z.object({
  version: z.literal(1),
  by: z.literal('runner'),
  nonce: z.string().max(128),
  at: z.iso.datetime(),
});

const orchestratorFenceSchema = z.object({
  version: z.literal(1),
  by: z.literal('orchestrator'),
  why: z.discriminatedUnion('kind', [
    z.object({ kind: z.enum(['notCreated', 'canceled', 'startTimeout', 'totalTimeout']) }),
    z.object({ kind: z.literal('noCapacity'), place: z.string(), retryAfterMs: z.number().optional() }),
    z.object({
      kind: z.literal('startFailed'),
      reason: z.enum([
        'imageUnavailable',
        'startError',
        'nameConflict',
        'secretUnavailable',
        'executableUnavailable',
        'exitedEarly',
      ]),
      permanent: z.boolean(),
    }),
  ]),
  message: z.string(),
  at: z.iso.datetime(),
});

/** The most that is read of a fence. */
export const fenceBytes = 32 * 1024;
/** In UTF-16 units, each of which is at most six bytes of JSON. */
const maximumMessage = 4_000;

/** The same text for the same fence, whatever the order of its properties: texts are compared, and hashes of them looked up. */
export function fenceText(fence: Fence): string {
  const schema = fence.by === 'runner' ? runnerFenceSchema : orchestratorFenceSchema;
  const message = fence.by === 'runner' ? {} : { message: fence.message.slice(0, maximumMessage) };
  return `${JSON.stringify(schema.parse({ version: 1, ...fence, ...message }))}\n`;
}

/** The fence that a text says to be; undefined where it says none. Whether an orchestrator has written it, the text cannot tell. */
export function parseFence(text: string): Fence | undefined {
  const value = parseJson(text);
  const byRunner = runnerFenceSchema.safeParse(value);
  if (byRunner.success) return { by: 'runner', nonce: byRunner.data.nonce, at: byRunner.data.at };
  const byOrchestrator = orchestratorFenceSchema.safeParse(value);
  if (!byOrchestrator.success) return undefined;
  const { by, why, message, at } = byOrchestrator.data;
  return { by, why: why as OrchestratorFence['why'], message, at };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
