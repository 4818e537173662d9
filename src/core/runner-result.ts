import { z } from 'zod';
import { outputNamePattern } from '../contract/names.ts';

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** `result.json` as the runner leaves it; see `docs/runner.md`. A task may have written it instead: it is checked like any input. */
export const runnerResultSchema = z.object({
  version: z.literal(1),
  nonce: z.string().max(128),
  /** False: the runner failed before user code and says why. */
  started: z.boolean(),
  reason: z
    .enum(['missingUtility', 'fetchFailed', 'checksumMismatch', 'badInterpreter', 'identityUnavailable', 'stopped'])
    .optional(),
  message: z.string().max(4000).optional(),
  exitCode: z.int().min(0).max(255).nullable(),
  signal: z.string().max(20).nullable(),
  /** The runner's own limit ended the task. */
  timedOut: z.boolean(),
  /** A TERM or INT from outside ended it. */
  stopped: z.boolean(),
  oomKilled: z.boolean(),
  times: z.object({ booted: z.iso.datetime(), fenced: z.iso.datetime().optional(), ended: z.iso.datetime() }),
  durationMs: z.object({ fetch: count.optional(), run: count.optional() }),
  log: z.object({ bytes: count, lines: count, droppedBytes: count, complete: z.boolean() }),
  output: z.boolean(),
  files: z.array(z.object({ name: z.string().regex(outputNamePattern), bytes: count, slot: count.optional() })).max(16),
  skippedFiles: count,
});

export type RunnerResult = z.infer<typeof runnerResultSchema>;
