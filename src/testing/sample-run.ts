import { taskDefinitionSchema } from '../contract/task-definition.ts';
import { instant } from '../core/clock.ts';
import type { EndedRun, QueuedRun } from '../core/run-record.ts';

const crockford = '0123456789abcdefghjkmnpqrstvwxyz';

/** When the first sample run was accepted, in milliseconds since the epoch; each later one a second after. */
export const sampleEpoch = 1_750_000_000_000;

/** The id of the n-th run: made of its time and number, so that ids sort by number. */
export function sampleRunId(number: number): string {
  return encode(sampleEpoch + number * 1000, 10) + encode(number, 16);
}

function encode(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = (crockford[rest % 32] ?? '') + text;
  return text;
}

/** A queued run as the core stores it, the first write of it. */
export function sampleRun(number: number, changes: Partial<QueuedRun> = {}): QueuedRun {
  const createdAt = instant(sampleEpoch + number * 1000);
  return {
    id: sampleRunId(number),
    version: 1,
    operationId: `write-${number}-1`,
    taskName: 'StopVM',
    requestedBy: 'local',
    createdAt,
    parameters: [
      { name: 'VMName', value: 'böse "Zeichen"\n\u{1f600}', secret: false },
      { name: 'Token', secret: true },
    ],
    labels: {},
    definition: taskDefinitionSchema.parse({
      taskName: 'StopVM',
      dockerImage: 'example/az-cli',
      scriptName: 'stop-vm.sh',
    }),
    executable: { name: 'stop-vm.sh', sha256: 'a'.repeat(64), etag: 'one', bytes: 12 },
    attempts: [],
    slots: [],
    slotTerm: 1,
    wakeId: `wake-${number}`,
    wakeAt: createdAt,
    open: true,
    state: 'queued',
    ...changes,
  };
}

/** What a run looks like once it has ended and nothing of it is left on a platform. */
export function sampleEnded(run: QueuedRun, changes: Partial<EndedRun> = {}): EndedRun {
  return {
    ...run,
    version: run.version + 1,
    operationId: `${run.id}-${run.version + 1}`,
    open: false,
    state: 'succeeded',
    endedAt: run.createdAt,
    reason: 'completed',
    message: 'It ended with exit code 0.',
    exitCode: 0,
    output: { deep: [null, { a: 1 }] },
    files: [],
    ...changes,
  };
}
