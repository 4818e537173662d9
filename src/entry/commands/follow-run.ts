import type { Client, RunEvent } from '../../client/client.ts';
import { isTerminal, type RunView, type TerminalState } from '../../contract/run.ts';
import { lookEvery } from '../../core/clock.ts';
import { exitCodeOf, exitCodes } from '../terminal/exit-codes.ts';
import { HintedError } from '../terminal/hinted-error.ts';
import type { Io } from '../terminal/io.ts';
import { progress, type Progress } from '../terminal/progress.ts';
import { paintState, printable } from '../terminal/style.ts';
import { between, duration } from '../terminal/time-text.ts';
import { nameOf } from './connect.ts';

export interface FollowingOptions {
  /** Print the log as it grows, or only wait for the end. */
  showLog: boolean;
  /** Ctrl-C ends the run too, not only the looking on. */
  cancelOnInterrupt: boolean;
  /** The first attempt to show. */
  attempt?: number | undefined;
}

const tickMs = 1_000;

/** Stays with a run to its end. Resolves to the exit code that tells how it ended. */
export async function followRun(run: RunView, client: Client, io: Io, options: FollowingOptions): Promise<number> {
  const leave = new AbortController();
  const line = progress(io);
  const stopListening = io.onInterrupt(interrupter(run, client, io, line, leave, options));
  const stopTicking = tickWhile(run, client, io, line, options);
  try {
    const asJson = options.showLog ? io.jsonAsked : io.json;
    if (options.showLog) await showEvents(run, client, io, line, asJson, options.attempt, leave.signal, stopTicking);
    else await client.wait(run.id, { signal: leave.signal });
    stopTicking();
    line.clear();
    const ended = await client.get(run.id);
    if (!isEnded(ended)) throw new Error(`run ${run.id} is said to have ended, but is ${ended.state}`);
    if (asJson) await io.record(endRecord(ended));
    await tellEnd(ended, io, asJson);
    return exitCodeOf(ended);
  } catch (error) {
    line.clear();
    if (!leave.signal.aborted)
      throw new HintedError(error, [`the run itself is not ended by this: errand show ${run.id}`]);
    io.note(
      `${nameOf(run)} goes on without this terminal. See it again: errand logs -f ${run.id}   End it: errand cancel ${run.id}`,
    );
    return exitCodes.interrupted;
  } finally {
    stopTicking();
    stopListening();
  }
}

type EndedView = RunView & { state: TerminalState };

function isEnded(run: RunView): run is EndedView {
  return isTerminal(run.state);
}

/** What programs read of the end: a task that exits with 121 has `state` failed, a lost run has none of its own. */
function endRecord(run: EndedView): object {
  const { id, taskName, state, exitCode, reason, message, output, files } = run;
  return { type: 'end', id, taskName, state, exitCode, reason, message, output, files };
}

async function showEvents(
  run: RunView,
  client: Client,
  io: Io,
  line: Progress,
  asJson: boolean,
  attempt: number | undefined,
  signal: AbortSignal,
  stopTicking: () => void,
): Promise<void> {
  let lineOpen = false;
  const onAway = (): void => {
    line.clear();
    io.note('The server does not answer; trying again. The run goes on meanwhile.');
  };
  for await (const event of client.events(run.id, { attempt, onAway, signal })) {
    if (event.event === 'log') {
      stopTicking();
      line.clear();
      lineOpen = !event.text.endsWith('\n');
    }
    if (asJson && event.event !== 'end') await io.record(asRecord(event, run.id));
    else if (event.event === 'log') await io.write(event.text);
    else if (event.event === 'state' && !isTerminal(event.state)) tellState(event.state, run, io, line, asJson);
    else if (event.event === 'attempt' && event.attempt > 1) {
      line.clear();
      io.note(`${nameOf(run)}: attempt ${event.attempt}`);
    }
  }
  // The log's last line may lack its end; what follows on a terminal begins on a new one all the same.
  if (lineOpen && io.watched && !asJson) io.noteRaw('\n');
}

function asRecord({ event, ...rest }: RunEvent, id: string): object {
  return { type: event, id, ...rest };
}

function tellState(state: RunView['state'], run: RunView, io: Io, line: Progress, asJson: boolean): void {
  if (asJson) return;
  // On a terminal the line that ticks says more than the state alone.
  if (!io.watched) line.show(`${nameOf(run)} is ${state}`);
  else if (state === 'running') line.clear();
}

/** Where somebody watches, says every second what is being waited for. Phases of a start and places in a queue have no event. */
function tickWhile(run: RunView, client: Client, io: Io, line: Progress, { showLog }: FollowingOptions): () => void {
  if (!io.watched) return () => {};
  const show = (now: RunView): void => {
    if (isTerminal(now.state)) return;
    if (now.state !== 'running') line.show(`${now.taskName} is ${whatItDoes(now)}`);
    else if (!showLog) line.show(`${now.taskName} is running, ${elapsed(now, io)}`);
  };
  return lookEvery(io.clock, tickMs, () => client.get(run.id), show, { first: 0 });
}

/** A state, with what is known of it: `starting: pulling 3 of 7 layers`. */
export function whatItDoes(run: RunView): string {
  const { waiting } = run;
  if (waiting !== undefined) {
    const place = waiting.position === undefined ? '' : `, ${waiting.position} before it`;
    return `${run.state}: ${waiting.message}${place}`;
  }
  const phase = run.attempts.at(-1)?.phase;
  return phase === undefined || run.state !== 'starting' ? run.state : `${run.state}: ${phase}`;
}

function elapsed(run: RunView, io: Io): string {
  return run.startedAt === undefined ? 'just now' : duration(io.clock.now() - Date.parse(run.startedAt));
}

async function tellEnd(run: EndedView, io: Io, asJson: boolean): Promise<void> {
  const { noteStyle: style } = io;
  const why = run.state === 'succeeded' ? '' : `: ${printable(run.message ?? run.reason ?? '')}`;
  const took = run.startedAt === undefined ? '' : ` after ${between(run.startedAt, run.endedAt)}`;
  io.note(`${style.bold(run.taskName)} ${run.id} ${paintState(run.state, style)}${took}${why}`);
  if (run.output !== undefined && !asJson) io.note(`  output  ${printable(JSON.stringify(run.output))}`);
  if (run.files.length > 0 && !asJson) {
    io.note(
      `  files   ${run.files.map(({ name }) => name).join(', ')}   fetch one: errand outputs ${run.id} ${run.files[0]?.name ?? ''}`,
    );
  }
  if (run.state !== 'succeeded') io.note(`  errand show ${run.id} tells more`);
}

/** The first Ctrl-C asks the run to end where that is wanted, and goes on looking; otherwise, and the second time, it leaves. */
function interrupter(
  run: RunView,
  client: Client,
  io: Io,
  line: Progress,
  leave: AbortController,
  { cancelOnInterrupt }: FollowingOptions,
): () => void {
  let asked = false;
  return () => {
    line.clear();
    if (!cancelOnInterrupt || asked) return leave.abort();
    asked = true;
    io.note(`Canceling ${nameOf(run)}; Ctrl-C again leaves it alone.`);
    client.cancel(run.id).catch((error: unknown) => {
      io.note(`It could not be canceled: ${error instanceof Error ? error.message : String(error)}`);
      leave.abort();
    });
    return undefined;
  };
}
