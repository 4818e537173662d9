import { useState } from 'preact/hooks';
import { runStates } from '../../src/contract/run-states.ts';
import type { RunView } from '../../src/contract/run.ts';
import { BulkDialog, type BulkWish } from '../parts/bulk-dialog.tsx';
import { Empty, ErrorBox, Reading } from '../parts/basics.tsx';
import { PageTitle } from '../parts/layout.tsx';
import { RunFilters } from '../parts/run-filters.tsx';
import { RunTable } from '../parts/run-table.tsx';
import { useReload } from '../state/changes.ts';
import { useData } from '../state/data.ts';
import { usePlace, withQuery } from '../state/router.ts';
import { now as timeNow, useNow } from '../state/time.ts';
import { failureOf } from '../text/failure.ts';
import { counted } from '../text/format.ts';
import { filterOf, isFiltered, toQuery } from '../text/run-filter.ts';

const tickMs = 5_000;
const pageSize = 50;
const none: ReadonlyMap<string, RunView> = new Map();

export function RunsPage() {
  const place = usePlace();
  const filter = filterOf(place.query);
  const { cursor } = filter;
  const now = useNow(tickMs);
  const page = useData(`runs ${place.query.toString()}`, (client, signal) =>
    client.list(
      { ...toQuery(filter, timeNow()), limit: pageSize, ...(cursor === undefined ? {} : { cursor }) },
      { signal },
    ),
  );
  const runs = page.value?.runs ?? [];
  // On later pages nothing new appears; what is on them may change.
  useReload(page.reload, ({ id }) => cursor === undefined || runs.some((run) => run.id === id));
  const [chosen, setChosen] = useState(none);
  const [wish, setWish] = useState<BulkWish>();
  const filtered = isFiltered(filter);
  // A key for several tasks has to say which it means.
  const asksForTask = filter.task === '' && failureOf(page.error).problems.some(({ path }) => path === '/query/task');

  function choose(ids: readonly string[], isChosen: boolean): void {
    const next = new Map(chosen);
    for (const id of ids) {
      const run = runs.find((each) => each.id === id);
      if (isChosen && run !== undefined) next.set(id, run);
      else next.delete(id);
    }
    setChosen(next);
  }

  const matching = { query: toQuery(filter, timeNow()) };
  const subject = chosen.size > 0 ? { runs: [...chosen.values()] } : matching;
  const whose = chosen.size > 0 ? counted(chosen.size, 'chosen run') : filtered ? 'all that match' : 'all';
  return (
    <>
      <PageTitle title="Runs" />
      <RunFilters filter={filter} states={runStates} />
      {page.error !== undefined && !asksForTask && <ErrorBox error={page.error} reload={page.reload} />}
      {asksForTask && (
        <Empty title="Which task?">
          <p>This key is for some tasks alone: choose one of them above.</p>
        </Empty>
      )}
      {page.value === undefined && page.error === undefined && <Reading what="runs" />}
      {page.value !== undefined && runs.length === 0 && (
        <Empty title={filtered || cursor !== undefined ? 'No run matches' : 'Nothing has been run yet'}>
          {filtered || cursor !== undefined ? (
            <p>
              <a href="/runs">Show all runs</a>
            </p>
          ) : (
            <p>
              Choose a <a href="/tasks">task</a> and run it, or use <code>errand run</code>.
            </p>
          )}
        </Empty>
      )}
      {runs.length > 0 && (
        <>
          <div class="bulk" role="group" aria-label="For several runs">
            <span class="muted">For {whose}:</span>
            <button type="button" class="quiet" onClick={() => setWish({ kind: 'cancel', ...subject })}>
              Cancel…
            </button>
            <button type="button" class="quiet" onClick={() => setWish({ kind: 'rerun', ...subject })}>
              Rerun…
            </button>
            {chosen.size > 0 && (
              <button type="button" class="quiet" onClick={() => setChosen(none)}>
                Choose none
              </button>
            )}
          </div>
          <RunTable runs={runs} now={now} chosen={new Set(chosen.keys())} onChoose={choose} />
        </>
      )}
      <nav class="pages" aria-label="Pages">
        {cursor !== undefined && <a href={withQuery(place, { cursor: undefined })}>Newest</a>}
        {page.value?.cursor !== undefined && (
          <a href={withQuery(place, { cursor: page.value.cursor })} rel="next">
            Older
          </a>
        )}
      </nav>
      {wish !== undefined && (
        <BulkDialog
          wish={wish}
          onClose={() => setWish(undefined)}
          onDone={() => {
            setChosen(none);
            page.reload();
          }}
        />
      )}
    </>
  );
}
