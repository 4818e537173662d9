import type { Clock } from '../../core/clock.ts';
import { fail, messageOf, warn, type Finding, type Said, type Step } from './finding.ts';

export interface ExamineOptions {
  clock: Clock;
  /** How long one step may take, in milliseconds. */
  stepMs: number;
}

/** What a step that is out of time gets to clean up, in milliseconds. */
const cleanUpMs = 2_000;

/** Takes the steps one after the other, each within its time. One that fails ends nothing but those that need it. */
export async function* examine(steps: readonly Step[], options: ExamineOptions): AsyncGenerator<Finding, void> {
  const failed = new Set<string>();
  for (const step of steps) {
    const missing = step.needs?.find((name) => failed.has(name));
    const said =
      missing === undefined ? await take(step, options) : [warn(`not looked at, since it needs "${missing}"`)];
    if (missing !== undefined || said.some(({ level }) => level === 'fail')) failed.add(step.name);
    for (const each of said) yield { step: step.name, ...each };
  }
}

async function take(step: Step, { clock, stepMs }: ExamineOptions): Promise<readonly Said[]> {
  const limit = new AbortController();
  const done = new AbortController();
  const look = step.look(limit.signal).catch((error: unknown) => [fail(messageOf(error))]);
  const late = clock.sleep(stepMs, { signal: done.signal }).then(
    async () => {
      limit.abort(new Error('out of time'));
      await Promise.race([look, clock.sleep(cleanUpMs)]);
      return [
        fail(
          `no answer within ${stepMs / 1000} s`,
          'Whatever is asked here takes connections and says nothing, or something in between swallows them: check the address, firewalls and network rules.',
        ),
      ];
    },
    // The look was faster.
    () => [],
  );
  try {
    const said = await Promise.race([look, late]);
    // What an interrupted look says is only that it was interrupted.
    return limit.signal.aborted ? await late : said;
  } finally {
    done.abort();
  }
}
