import type { Setting } from './support/crash-case.ts';
import { askFor, openErrand, type OpenErrand } from './support/errand-process.ts';

/** What a survivor is told. It lives through many cases, with an Errand of its own for each. */
export type ToSurvivor =
  /** `asks`: it also serves the client, who repeats what was not answered. */
  { type: 'recover'; setting: Setting; asks: boolean; answered: string[] } | { type: 'stop' };

export type FromSurvivor =
  | { type: 'answered'; what: string; runId: string }
  | { type: 'failed'; error: string }
  | { type: 'stopped' };

let current: Promise<OpenErrand> | undefined;

// Without its harness nobody wants it.
process.once('disconnect', () => process.exit());
process.on('message', (message: ToSurvivor) => {
  const work = message.type === 'recover' ? recover(message) : stop();
  work.catch((error: unknown) =>
    send({ type: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});

async function recover({ setting, asks, answered }: Extract<ToSurvivor, { type: 'recover' }>): Promise<void> {
  current = openErrand(setting);
  const errand = await current;
  await errand.orchestrator.start();
  if (asks) await askFor(errand, setting, new Set(answered), (what, runId) => send({ type: 'answered', what, runId }));
}

async function stop(): Promise<void> {
  const errand = await current;
  current = undefined;
  await errand?.close();
  send({ type: 'stopped' });
}

function send(message: FromSurvivor): void {
  process.send?.(message);
}
