import type { Client } from '../../client/client.ts';
import type { RunView } from '../../contract/run.ts';
import { exitCodeHelp, exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { table } from '../terminal/table.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { whatItDoes, followRun } from './follow-run.ts';

/** What to do once the run has been accepted: nothing (`--detach`, the default), or stay with it. */
export const stayOptions = {
  follow: { type: 'boolean', short: 'f', about: "Print the log as it is written, and exit with the task's exit code" },
  wait: { type: 'boolean', short: 'w', about: "Wait for the end without the log, and exit with the task's exit code" },
  detach: { type: 'boolean', short: 'd', about: 'Print the id and go (the default)' },
  'cancel-on-interrupt': { type: 'boolean', about: 'Ctrl-C cancels the run; otherwise it goes on' },
} as const;

export interface StayValues {
  follow: boolean;
  wait: boolean;
  detach: boolean;
  'cancel-on-interrupt': boolean;
}

export const exitCodeSection = `Exit codes of --follow and --wait\n${table(
  exitCodeHelp.map((row) => [...row]),
  { indent: '  ' },
)}With --json the last line tells them apart: {"type":"end","state":"failed","exitCode":121} is a task that exited with 121.`;

export function checkStay({ follow, wait, detach, 'cancel-on-interrupt': cancel }: StayValues): void {
  if (detach && (follow || wait))
    throw new UsageError('--detach goes without --follow and --wait: leave one of them out.');
  if (cancel && !follow && !wait) throw new UsageError('--cancel-on-interrupt needs --follow or --wait.');
}

/** Goes on with an accepted run as asked. Resolves to the exit code. */
export async function goOn(run: RunView, stay: StayValues, client: Client, io: Io): Promise<number> {
  const staying = stay.follow || stay.wait;
  const asJson = stay.follow ? io.jsonAsked : io.json;
  if (asJson) await io.record({ type: 'accepted', id: run.id, taskName: run.taskName, state: run.state });
  else if (staying) io.note(io.noteStyle.dim(`${run.taskName} ${run.id}`));
  if (staying)
    return followRun(run, client, io, { showLog: stay.follow, cancelOnInterrupt: stay['cancel-on-interrupt'] });
  if (!asJson) {
    await io.line(run.id);
    io.note(
      `${run.taskName} is ${whatItDoes(run)}. Watch it: errand logs -f ${run.id}   What became of it: errand show ${run.id}`,
    );
  }
  return exitCodes.done;
}
