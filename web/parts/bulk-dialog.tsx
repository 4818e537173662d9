import { useEffect, useRef, useState } from 'preact/hooks';
import type { RunQuery } from '../../src/client/client.ts';
import type { RunView } from '../../src/contract/run.ts';
import { announce } from '../state/announce.ts';
import { doForAll, findRuns, mostRuns, type BulkKind } from '../state/bulk.ts';
import { useClient } from '../state/session.ts';
import { whyNot } from '../text/failure.ts';
import { counted } from '../text/format.ts';
import { secretsOf } from '../text/run-text.ts';
import { Dialog } from './dialog.tsx';

/** Several runs: those that were chosen, or all that a filter finds. */
export type BulkWish = { kind: BulkKind } & ({ runs: readonly RunView[] } | { query: RunQuery });

interface BulkDialogProps {
  wish: BulkWish;
  onClose: () => void;
  onDone: () => void;
}

/** Says how many runs it is about before anything happens, and how far it has come. */
export function BulkDialog({ wish, onClose, onDone }: BulkDialogProps) {
  const client = useClient();
  const { kind } = wish;
  const [found, setFound] = useState<{ runs: readonly RunView[]; more: boolean }>();
  const [error, setError] = useState<unknown>();
  const [progress, setProgress] = useState<number>();
  const stop = useRef(new AbortController());

  useEffect(() => {
    const { signal } = stop.current;
    const finding =
      'runs' in wish ? Promise.resolve({ runs: wish.runs, more: false }) : findRuns(client, kind, wish.query, signal);
    finding.then(setFound, (reason: unknown) => {
      if (!signal.aborted) setError(reason);
    });
    // The page may be left while it works: what has not been begun then is left as it is, too.
    return () => stop.current.abort();
  }, [client]);

  const open = found?.runs.filter(({ endedAt }) => endedAt === undefined) ?? [];
  const free = found?.runs.filter((run) => secretsOf(run).length === 0) ?? [];
  const subjects = kind === 'cancel' ? open : free;
  const left = (found?.runs.length ?? 0) - subjects.length;
  const verb = kind === 'cancel' ? 'Cancel' : 'Rerun';

  async function begin(): Promise<void> {
    setProgress(0);
    const { done, failures } = await doForAll(client, kind, subjects, setProgress, stop.current.signal);
    const [first] = failures;
    const untouched = subjects.length - done - failures.length;
    announce(
      [
        `${kind === 'cancel' ? 'Canceled' : 'Started again'}: ${counted(done, 'run')}`,
        ...(first === undefined ? [] : [`${counted(failures.length, 'run')} could not be: ${whyNot(first)}`]),
        ...(untouched === 0 ? [] : [`${counted(untouched, 'run was', 'runs were')} left as before`]),
      ].join('. '),
    );
    onClose();
    onDone();
  }

  const working = progress !== undefined;
  return (
    <Dialog
      title={found === undefined ? `${verb} runs` : `${verb} ${counted(subjects.length, 'run')}?`}
      leave={working ? 'Stop' : 'Leave it'}
      // What has been begun comes to its end first; then it is told how many there were.
      onClose={working ? () => stop.current.abort() : onClose}
      actions={
        <button
          type="button"
          class={kind === 'cancel' ? 'danger' : 'primary'}
          disabled={subjects.length === 0 || working}
          onClick={() => void begin()}
        >
          {working ? `${progress} of ${subjects.length}` : `${verb} ${subjects.length === 1 ? 'it' : 'them'}`}
        </button>
      }
    >
      {error !== undefined && <p class="problem">{whyNot(error)}</p>}
      {found === undefined && error === undefined && <p>Counting…</p>}
      {found !== undefined && (
        <>
          <ul class="compact">{countsByTask(subjects)}</ul>
          {left > 0 && (
            <p class="muted">
              {kind === 'cancel'
                ? `${counted(left, 'run has', 'runs have')} ended already and stay as they are.`
                : `${counted(left, 'run needs', 'runs need')} secrets, which are not kept: rerun these one by one.`}
            </p>
          )}
          {found.more && (
            <p class="note">
              There are more: these are the newest {mostRuns.toLocaleString('en')}. Do it again for the rest, or narrow
              the filter.
            </p>
          )}
        </>
      )}
    </Dialog>
  );
}

function countsByTask(runs: readonly RunView[]) {
  const counts = new Map<string, number>();
  for (const { taskName } of runs) counts.set(taskName, (counts.get(taskName) ?? 0) + 1);
  return [...counts].slice(0, 10).map(([taskName, count]) => (
    <li key={taskName}>
      {taskName}: {count}
    </li>
  ));
}
