import type { RunState } from '../../src/contract/run-states.ts';
import type { Firing, ScheduleView } from '../../src/contract/schedule.ts';
import { counted } from '../text/format.ts';
import { runsWith } from '../text/run-filter.ts';
import { isUnreadable, needsAttention } from '../text/schedule-text.ts';
import { Until } from './basics.tsx';
import { FiringLine } from './firing-line.tsx';
import { PauseSwitch } from './pause-switch.tsx';

interface ScheduleItemProps {
  schedule: ScheduleView;
  /** Of the runs whose states are known. */
  states: ReadonlyMap<string, RunState>;
  now: number;
  onChange: () => void;
}

/** The heading of a schedule in the list. */
export function headingId(name: string): string {
  return `schedule-${name}`;
}

export function ScheduleItem({ schedule, states, now, onChange }: ScheduleItemProps) {
  const { name, description, taskName, cron, timeZone, paused, firings } = schedule;
  const [last, ...earlier] = firings;
  const lineOf = (firing: Firing) => <FiringLine firing={firing} state={states.get(firing.runId ?? '')} now={now} />;
  return (
    <li>
      <div class="task-name">
        <h2 id={headingId(name)} tabIndex={-1}>
          {name}
        </h2>
        {paused && <span class="tag">paused</span>}
        {needsAttention(schedule) && <span class="tag is-bad">needs attention</span>}
        {description !== undefined && <p class="muted">{description}</p>}
        <p>
          <a href={`/tasks/${taskName}`}>{taskName}</a> at <code>{cron}</code>, <span class="muted">{timeZone}</span>
        </p>
      </div>
      <div class="schedule-times">
        <p>
          <Next of={schedule} now={now} />
        </p>
        <p>{last === undefined ? <span class="muted">It has not come yet</span> : <>Last: {lineOf(last)}</>}</p>
        {earlier.length > 0 && (
          <details>
            <summary>{counted(earlier.length, 'time')} before</summary>
            <ul class="plain">
              {earlier.map((firing) => (
                <li key={firing.plannedAt}>{lineOf(firing)}</li>
              ))}
            </ul>
          </details>
        )}
      </div>
      <div class="schedule-actions">
        <a href={runsWith('schedule', name)} aria-label={`All runs of ${name}`}>
          All runs
        </a>
        <PauseSwitch of={schedule} onChange={onChange} />
      </div>
    </li>
  );
}

function Next({ of, now }: { of: ScheduleView; now: number }) {
  const { paused, nextAt, retrying } = of;
  if (paused) return <span class="muted">Nothing is planned</span>;
  if (isUnreadable(of))
    return <span class="problem">These times cannot be read by this version of Errand: put the schedule again</span>;
  if (retrying !== undefined)
    return (
      <span class="problem">
        Due, and tried {counted(retrying.failures, 'time')}: {retrying.message}
      </span>
    );
  return <>Next: {nextAt === undefined ? 'never' : <Until at={nextAt} now={now} />}</>;
}
