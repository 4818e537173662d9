import type { ComponentChildren } from 'preact';
import type { Overview } from '../../src/contract/overview.ts';
import { Age, Empty, ErrorBox, Reading } from '../parts/basics.tsx';
import { BarChart } from '../parts/bar-chart.tsx';
import { PageTitle } from '../parts/layout.tsx';
import { useReload } from '../state/changes.ts';
import { useData } from '../state/data.ts';
import { go, usePlace, withQuery } from '../state/router.ts';
import { useNow } from '../state/time.ts';
import { counted, duration, money, percent } from '../text/format.ts';

const choices = { 1: 'hour', 24: 'day', 168: 'week', 720: '30 days' } as const;
const tickMs = 15_000;
/** An overview costs the server as much as a thousand runs. */
const leastMs = 3_000;

export function OverviewPage() {
  const place = usePlace();
  const asked = Number(place.query.get('hours') ?? 24);
  const hours = asked in choices ? (asked as keyof typeof choices) : 24;
  const overview = useData(`overview ${hours}`, (client, signal) => client.overview({ hours }, { signal }));
  const now = useNow(tickMs);
  useReload(overview.reload, () => true, leastMs);
  const view = overview.value;
  return (
    <>
      <PageTitle title="Overview">
        <label class="period">
          <span class="hidden">Period</span>
          <select
            value={String(hours)}
            onChange={(event) => go(withQuery(place, { hours: event.currentTarget.value }), { replace: true })}
          >
            {Object.entries(choices).map(([value, word]) => (
              <option key={value} value={value}>
                The last {word}
              </option>
            ))}
          </select>
        </label>
      </PageTitle>
      {overview.error !== undefined && <ErrorBox error={overview.error} reload={overview.reload} />}
      {view === undefined && overview.error === undefined && <Reading what="how things stand" />}
      {view !== undefined && <Standing view={view} now={now} word={choices[hours]} />}
    </>
  );
}

function Standing({ view, now, word }: { view: Overview; now: number; word: string }) {
  const openRuns = view.open.queued + view.open.starting + view.open.running;
  return (
    <>
      <Attention of={view.attention} />
      <div class="tiles">
        <Tile name="Open" value={openRuns.toLocaleString('en')} href="/runs?state=queued&state=starting&state=running">
          {view.open.queued} queued, {view.open.starting} starting, {view.open.running} running
        </Tile>
        <Tile name="Succeeded" value={view.successRate === undefined ? '–' : percent(view.successRate)}>
          {endedText(view, word)}
          {view.complete ? '' : `; of the latest ${counted(view.runs, 'run')}`}
        </Tile>
        <Tile name="Start, half within" value={view.startMs === undefined ? '–' : duration(view.startMs.p50)}>
          {view.startMs === undefined ? 'nothing has started' : `95 of 100 within ${duration(view.startMs.p95)}`}
        </Tile>
        <Tile name="Cost" value={view.cost === undefined ? '–' : money(view.cost.amount, view.cost.currency)}>
          {view.cost === undefined ? 'none of these runs has a price' : 'by list prices'}
        </Tile>
      </div>
      {view.runs === 0 && openRuns === 0 ? (
        <Empty title={`Nothing was run in the last ${word}`}>
          <p>
            Choose a <a href="/tasks">task</a> and run it, or look further back.
          </p>
        </Empty>
      ) : (
        <Charts view={view} />
      )}
      <div class="columns">
        <Waiting of={view.waiting} now={now} />
        <Places of={view.places} />
      </div>
    </>
  );
}

/** What the success rate is of: runs that were canceled say nothing of it, and nor do those that have not ended. */
function endedText({ ended, successRate }: Overview, word: string): string {
  if (successRate === undefined) return `no run of the last ${word} has ended`;
  const { succeeded = 0, canceled = 0, ...others } = ended;
  const meant = Object.values(others).reduce((sum, count) => sum + count, succeeded);
  const aside = canceled === 0 ? '' : `, ${canceled.toLocaleString('en')} canceled aside`;
  return `${succeeded.toLocaleString('en')} of ${counted(meant, 'ended run')} of the last ${word}${aside}`;
}

function Tile({
  name,
  value,
  href,
  children,
}: {
  name: string;
  value: string;
  href?: string;
  children: ComponentChildren;
}) {
  return (
    <section class="tile">
      <h2>{href === undefined ? name : <a href={href}>{name}</a>}</h2>
      <p class="figure">{value}</p>
      <p class="muted">{children}</p>
    </section>
  );
}

function Attention({ of }: { of: Overview['attention'] }) {
  return (
    <section class={`box attention ${of.length > 0 ? 'is-needed' : ''}`} aria-live="polite">
      <h2>Needs attention</h2>
      {of.length === 0 && <p class="muted">Nothing does.</p>}
      <ul class="plain">
        {of.map(({ kind, message, runId, taskName }) => (
          <li key={`${kind} ${message}`}>
            <a href={addressOf(kind, runId, taskName)}>{message}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function addressOf(
  kind: Overview['attention'][number]['kind'],
  runId: string | undefined,
  taskName: string | undefined,
): string {
  if (kind === 'failing') return `/runs?task=${taskName}`;
  if (kind === 'invalidTask') return `/tasks/${taskName}`;
  if (runId !== undefined) return `/runs/${runId}`;
  if (kind === 'lost') return '/runs?state=lost';
  return kind === 'waiting' ? '/runs?state=queued' : '/runs?state=starting&state=running';
}

function Charts({ view: { series, bucketSeconds, cost } }: { view: Overview }) {
  const label = (from: string): string => {
    const at = new Date(from);
    return bucketSeconds < 3600 * 6
      ? at.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
      : at.toLocaleDateString(undefined, { month: 'short', day: 'numeric' });
  };
  const sum = (key: 'succeeded' | 'unsuccessful' | 'canceled' | 'open'): number =>
    series.reduce((total, bucket) => total + bucket[key], 0);
  return (
    <div class="columns charts">
      <BarChart
        title="Runs"
        summary={`${sum('succeeded')} succeeded, ${sum('unsuccessful')} did not, ${sum('canceled')} canceled, ${sum('open')} open`}
        bars={series.map(({ from, succeeded, unsuccessful, canceled, open }) => ({
          label: label(from),
          parts: [
            { name: 'succeeded', amount: succeeded },
            { name: 'unsuccessful', amount: unsuccessful },
            { name: 'canceled', amount: canceled },
            { name: 'open', amount: open },
          ],
        }))}
        format={(amount) => amount.toLocaleString('en')}
      />
      {cost !== undefined && (
        <BarChart
          title="Cost"
          summary={`${money(cost.amount, cost.currency)} in all`}
          bars={series.map((bucket) => ({ label: label(bucket.from), parts: [{ name: 'cost', amount: bucket.cost }] }))}
          format={(amount) => money(amount, cost.currency)}
        />
      )}
    </div>
  );
}

function Waiting({ of, now }: { of: Overview['waiting']; now: number }) {
  return (
    <section>
      <h2>What queued runs wait for</h2>
      {of.length === 0 && <p class="muted">No run waits.</p>}
      <ul class="plain">
        {of.map(({ reason, message, runs, oldest }) => (
          <li key={`${reason} ${message}`}>
            <a href="/runs?state=queued">{counted(runs, 'run')}</a>:{' '}
            {reason === 'backoff' ? 'another attempt' : message}
            <span class="muted">
              , the oldest asked <Age of={oldest} now={now} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Places({ of }: { of: Overview['places'] }) {
  return (
    <section>
      <h2>Room for runners</h2>
      <ul class="plain places">
        {of.map(({ name, runners, held, cpu, cpuHeld }) => (
          <li key={name}>
            <span>{name}</span>
            <meter min={0} max={runners} value={held} aria-label={`Runners of ${name}`} />
            <span class="muted">
              {held} of {runners} runners
              {cpu !== undefined && (cpuHeld === undefined ? `, ${cpu} CPUs` : `, ${cpuHeld} of ${cpu} CPUs`)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
