import { useState } from 'preact/hooks';
import type { RunView } from '../../src/contract/run.ts';
import { ErrorBox, Reading, StateBadge } from '../parts/basics.tsx';
import { PageTitle } from '../parts/layout.tsx';
import { LogView } from '../parts/log-view.tsx';
import { RunActions } from '../parts/run-actions.tsx';
import { RunFacts, RunInputs, RunResult } from '../parts/run-facts.tsx';
import { RunTimeline } from '../parts/timeline.tsx';
import { useReload } from '../state/changes.ts';
import { useData } from '../state/data.ts';
import { usePlace } from '../state/router.ts';
import { useNow } from '../state/time.ts';
import { shortId } from '../text/format.ts';
import { endSentence } from '../text/run-text.ts';

const tickMs = 1_000;

export function RunPage({ id }: { id: string }) {
  const run = useData(`run ${id}`, (client, signal) => client.get(id, { signal }));
  const now = useNow(run.value?.endedAt === undefined ? tickMs : undefined);
  useReload(run.reload, (change) => change.id === id);
  if (run.value === undefined) {
    return (
      <>
        <PageTitle title={`Run ${shortId(id)}`} />
        {run.error === undefined ? (
          <Reading what="the run" />
        ) : (
          <ErrorBox error={run.error} reload={run.reload}>
            <p>
              <a href="/runs">All runs</a>
            </p>
          </ErrorBox>
        )}
      </>
    );
  }
  const view = run.value;
  return (
    <>
      <PageTitle title={`${view.taskName} ${shortId(id)}`}>
        <span aria-live="polite">
          <StateBadge state={view.state} stale={view.stale} />
        </span>
        <RunActions run={view} onChange={run.reload} />
      </PageTitle>
      {run.error !== undefined && <ErrorBox error={run.error} reload={run.reload} />}
      <Summary run={view} />
      <RunTimeline run={view} now={now} />
      <Log run={view} />
      <div class="columns">
        <div>
          <RunResult run={view} />
          <RunInputs run={view} />
        </div>
        <RunFacts run={view} />
      </div>
    </>
  );
}

/** What it came to. */
function Summary({ run }: { run: RunView }) {
  const { state, cancel, resolution, stale } = run;
  const end = endSentence(run);
  const lines = [
    ...(end === undefined ? [] : [end]),
    ...(cancel !== undefined && run.endedAt === undefined
      ? [`${cancel.by} asked to cancel it; it is being stopped.`]
      : []),
    ...(resolution === undefined
      ? []
      : [`${resolution.by} has found out that it ${resolution.outcome}: ${resolution.note}`]),
    ...(stale ? ['The platform does not answer: this may be older than it looks.'] : []),
  ];
  if (lines.length === 0) return null;
  return (
    <div class={`box summary is-${state}`}>
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
    </div>
  );
}

function Log({ run }: { run: RunView }) {
  const { query } = usePlace();
  const [chosen, setChosen] = useState(Number(query.get('attempt') ?? 0));
  const latest = run.attempts.length;
  if (latest === 0) {
    return (
      <section>
        <h2>Log</h2>
        <p class="muted">
          {run.endedAt === undefined ? 'It begins when the run does.' : 'There is none: nothing was started.'}
        </p>
      </section>
    );
  }
  const attempt = chosen >= 1 && chosen <= latest ? chosen : latest;
  return (
    <section>
      <h2>Log</h2>
      {latest > 1 && (
        <div class="tabs" role="group" aria-label="Attempts">
          {run.attempts.map(({ number }) => (
            <button
              key={number}
              type="button"
              class="quiet"
              aria-pressed={number === attempt}
              onClick={() => setChosen(number)}
            >
              Attempt {number}
            </button>
          ))}
        </div>
      )}
      <LogView key={attempt} run={run} attempt={attempt} />
    </section>
  );
}
