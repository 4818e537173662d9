import { Fragment } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Client } from '../../src/client/client.ts';
import type { RunState } from '../../src/contract/run-states.ts';
import type { ScheduleView } from '../../src/contract/schedule.ts';
import { Empty, ErrorBox, Reading } from '../parts/basics.tsx';
import { PageTitle } from '../parts/layout.tsx';
import { headingId, ScheduleItem } from '../parts/schedule-item.tsx';
import { useReload } from '../state/changes.ts';
import { useData } from '../state/data.ts';
import { useNow } from '../state/time.ts';
import { needsAttention } from '../text/schedule-text.ts';

const pageSize = 200;
const weekHours = 168;
const tickMs = 5_000;
/** The states of runs come from the overview, which costs the server as much as a thousand runs. */
const leastMs = 3_000;

export function SchedulesPage() {
  const schedules = useData('schedules', allSchedules);
  const shown = schedules.value ?? [];
  const hasRuns = shown.some(({ firings }) => firings.some(({ outcome }) => outcome === 'started'));
  // A key that may not read runs still sees the schedules.
  const latest = useData(`runs of schedules ${hasRuns}`, async (client, signal) =>
    hasRuns ? client.overview({ hours: weekHours }, { signal }) : undefined,
  );
  const states = new Map(
    latest.value?.tasks.flatMap(({ runs }) => runs.map(({ id, state }): [string, RunState] => [id, state])),
  );
  const now = useNow(tickMs);
  useReload(
    () => {
      schedules.reload();
      latest.reload();
    },
    ({ taskName }) => shown.some((schedule) => schedule.taskName === taskName),
    leastMs,
  );
  // The stream tells of runs alone: what came of a planned time without one has to be asked for.
  const isDue = shown.some(({ nextAt }) => nextAt !== undefined && Date.parse(nextAt) < now);
  useEffect(() => {
    if (isDue) schedules.reload();
  }, [now]);
  return (
    <>
      <PageTitle title="Schedules" />
      {schedules.error !== undefined && <ErrorBox error={schedules.error} reload={schedules.reload} />}
      {schedules.value === undefined && schedules.error === undefined && <Reading what="schedules" />}
      {schedules.value?.length === 0 && <NoSchedules />}
      <Attention of={shown.filter(needsAttention)} />
      {shown.length > 0 && (
        <ul class="task-list">
          {shown.map((schedule) => (
            <ScheduleItem
              key={schedule.name}
              schedule={schedule}
              states={states}
              now={now}
              onChange={schedules.reload}
            />
          ))}
        </ul>
      )}
    </>
  );
}

/** To say which of them need attention, all are read. */
async function allSchedules(client: Client, signal: AbortSignal): Promise<ScheduleView[]> {
  const found: ScheduleView[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.schedules({ limit: pageSize, cursor }, { signal });
    found.push(...page.schedules);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

function Attention({ of }: { of: readonly ScheduleView[] }) {
  return (
    <div aria-live="polite">
      {of.length > 0 && (
        <p class="note">
          {of.length === 1 ? 'Needs' : 'Need'} attention:{' '}
          {of.map(({ name }, index) => (
            <Fragment key={name}>
              {index > 0 && ', '}
              <button type="button" class="link" onClick={() => document.getElementById(headingId(name))?.focus()}>
                {name}
              </button>
            </Fragment>
          ))}
        </p>
      )}
    </div>
  );
}

/** The example is in the time zone of whoever reads it: it can be taken as it is, but for the task. */
function NoSchedules() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return (
    <Empty title="There are no schedules yet">
      <p>This lets the task Report run every night at half past two:</p>
      <pre class="value">errand schedule add nightly Report --cron "30 2 * * *" --time-zone {timeZone}</pre>
    </Empty>
  );
}
