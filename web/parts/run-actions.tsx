import { useEffect, useId, useMemo, useState } from 'preact/hooks';
import type { RunView } from '../../src/contract/run.ts';
import { announce } from '../state/announce.ts';
import { newKey } from '../state/new-key.ts';
import { go } from '../state/router.ts';
import { useClient } from '../state/session.ts';
import { whyNot } from '../text/failure.ts';
import { secretsOf } from '../text/run-text.ts';
import { Dialog } from './dialog.tsx';

/** What can be done about a run. */
export function RunActions({ run, onChange }: { run: RunView; onChange: () => void }) {
  const client = useClient();
  const [asks, setAsks] = useState<'again' | 'cancel' | 'resolve'>();
  const [problem, setProblem] = useState<unknown>();
  const [working, setWorking] = useState(false);
  const [acted, setActed] = useState(0);
  const close = (): void => setAsks(undefined);

  useEffect(() => {
    // The button that was pressed goes away with what it was for, and would take the focus with it.
    if (acted > 0) document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  }, [acted]);

  async function act(work: () => Promise<unknown>, done: string): Promise<void> {
    setWorking(true);
    setProblem(undefined);
    try {
      await work();
      announce(done);
      close();
      setActed((before) => before + 1);
    } catch (error) {
      setProblem(error);
    }
    setWorking(false);
    onChange();
  }

  return (
    <div class="page-actions">
      {run.endedAt === undefined && run.cancel === undefined && (
        <button type="button" onClick={() => setAsks('cancel')}>
          Cancel…
        </button>
      )}
      {run.state === 'lost' && run.resolution === undefined && (
        <button type="button" onClick={() => setAsks('resolve')}>
          Resolve…
        </button>
      )}
      {run.endedAt !== undefined && secretsOf(run).length === 0 && (
        <button type="button" onClick={() => setAsks('again')}>
          Run again…
        </button>
      )}
      <a class="button" href={`/tasks/${run.taskName}?rerun=${run.id}`}>
        Edit and run again…
      </a>
      {asks === 'cancel' && (
        <Dialog
          title="Cancel this run?"
          onClose={close}
          actions={
            <button
              type="button"
              class="danger"
              disabled={working}
              onClick={() => void act(() => client.cancel(run.id), 'The run is being canceled')}
            >
              Cancel the run
            </button>
          }
        >
          <p>
            What runs is told to end, and is killed after {run.definition.timeouts.graceSeconds} s. Nothing is tried
            again.
          </p>
          {problem !== undefined && <p class="problem">{whyNot(problem)}</p>}
        </Dialog>
      )}
      {asks === 'again' && (
        <AgainDialog
          working={working}
          problem={problem}
          onClose={close}
          onRun={(version, idempotencyKey) =>
            void act(async () => {
              const again = await client.rerun(run.id, { version }, { idempotencyKey });
              go(`/runs/${again.id}`);
            }, `${run.taskName} runs again`)
          }
        />
      )}
      {asks === 'resolve' && (
        <ResolveDialog
          working={working}
          problem={problem}
          onClose={close}
          onResolve={(outcome, note) =>
            void act(() => client.resolve(run.id, { outcome, note }), 'The run is resolved')
          }
        />
      )}
    </div>
  );
}

interface AgainProps {
  working: boolean;
  problem: unknown;
  onClose: () => void;
  onRun: (version: 'latest' | 'same', idempotencyKey: string) => void;
}

const versionWords = { latest: 'As it is now', same: 'As it was in this run' } as const;

function AgainDialog({ working, problem, onClose, onRun }: AgainProps) {
  const id = useId();
  const [version, setVersion] = useState<'latest' | 'same'>('latest');
  /** Pressed again, after an answer that was lost, it is one run. */
  const key = useMemo(newKey, [version]);
  return (
    <Dialog
      title="Run it again, with the same inputs?"
      onClose={onClose}
      actions={
        <button type="button" class="primary" disabled={working} onClick={() => onRun(version, key)}>
          Run
        </button>
      }
    >
      <fieldset>
        <legend>Which task</legend>
        {(['latest', 'same'] as const).map((each) => (
          <label key={each}>
            <input type="radio" name={id} checked={version === each} onChange={() => setVersion(each)} />{' '}
            {versionWords[each]}
          </label>
        ))}
      </fieldset>
      {problem !== undefined && <p class="problem">{whyNot(problem)}</p>}
    </Dialog>
  );
}

interface ResolveProps {
  working: boolean;
  problem: unknown;
  onClose: () => void;
  onResolve: (outcome: 'succeeded' | 'failed', note: string) => void;
}

function ResolveDialog({ working, problem, onClose, onResolve }: ResolveProps) {
  const id = useId();
  const [outcome, setOutcome] = useState<'succeeded' | 'failed'>('succeeded');
  const [note, setNote] = useState('');
  return (
    <Dialog
      title="What really came of it?"
      onClose={onClose}
      actions={
        <button
          type="button"
          class="primary"
          disabled={working || note.trim() === ''}
          onClick={() => onResolve(outcome, note.trim())}
        >
          Write it down
        </button>
      }
    >
      <p>The run stays lost; what you have found out is kept with it.</p>
      <fieldset>
        <legend>Outcome</legend>
        {(['succeeded', 'failed'] as const).map((each) => (
          <label key={each}>
            <input type="radio" name={id} checked={outcome === each} onChange={() => setOutcome(each)} /> It {each}
          </label>
        ))}
      </fieldset>
      <label for={`${id}-note`}>How you know</label>
      <textarea
        id={`${id}-note`}
        rows={3}
        maxLength={2000}
        value={note}
        onInput={(event) => setNote(event.currentTarget.value)}
      />
      {problem !== undefined && <p class="problem">{whyNot(problem)}</p>}
    </Dialog>
  );
}
