import type { RunState } from '../../src/contract/run-states.ts';
import type { Firing } from '../../src/contract/schedule.ts';
import { dateTime } from '../text/format.ts';
import { firingWord } from '../text/schedule-text.ts';
import { Age, StateBadge } from './basics.tsx';

interface FiringLineProps {
  firing: Firing;
  /** Of the run that was started, where it is known. */
  state: RunState | undefined;
  now: number;
}

/** What came of a planned time: its run, or why there is none. */
export function FiringLine({ firing, state, now }: FiringLineProps) {
  const { outcome, plannedAt, runId, passedOverFrom } = firing;
  return (
    <>
      {outcome === 'started' ? (
        <a href={`/runs/${runId}`}>{state === undefined ? 'started' : <StateBadge state={state} />}</a>
      ) : (
        // Colors and shapes of runs that ended in such a way.
        <span class={`state is-${outcome === 'failed' ? 'failed' : 'expired'}`}>{firingWord(firing)}</span>
      )}{' '}
      <span class="muted">
        <Age of={plannedAt} now={now} />
      </span>
      {outcome !== 'started' && <Why of={firing} />}
      {passedOverFrom !== undefined && (
        <span class="muted">; those planned from {dateTime(passedOverFrom)} on were passed over</span>
      )}
    </>
  );
}

function Why({ of: { outcome, reason, message = reason, runId } }: { of: Firing }) {
  if (reason === 'overlap' && runId !== undefined)
    return (
      <>
        : <a href={`/runs/${runId}`}>an earlier run</a> was under way
      </>
    );
  return <span class={outcome === 'failed' ? 'problem' : ''}>: {message}</span>;
}
