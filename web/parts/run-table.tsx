import type { RunView } from '../../src/contract/run.ts';
import { duration, money, shortId } from '../text/format.ts';
import { tookMs, whatOf } from '../text/run-text.ts';
import { Age, StateBadge } from './basics.tsx';

interface RunTableProps {
  runs: readonly RunView[];
  now: number;
  withTask?: boolean;
  /** Where runs can be chosen: those that are, and what changes it. */
  chosen?: ReadonlySet<string>;
  onChoose?: (ids: readonly string[], isChosen: boolean) => void;
}

export function RunTable({ runs, now, withTask = true, chosen, onChoose }: RunTableProps) {
  const hasCost = runs.some(({ cost }) => cost !== undefined);
  const all = chosen !== undefined && runs.every(({ id }) => chosen.has(id));
  return (
    <table class="runs">
      <thead>
        <tr>
          {onChoose !== undefined && (
            <th class="choose">
              <input
                type="checkbox"
                aria-label="Choose all of this page"
                checked={all}
                onChange={() =>
                  onChoose(
                    runs.map(({ id }) => id),
                    !all,
                  )
                }
              />
            </th>
          )}
          <th>State</th>
          {withTask && <th>Task</th>}
          <th>Run</th>
          <th>Asked</th>
          <th>Took</th>
          {hasCost && <th class="number">Cost</th>}
          <th class="wide">What</th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => {
          const took = tookMs(run, now);
          return (
            <tr key={run.id}>
              {onChoose !== undefined && (
                <td class="choose">
                  <input
                    type="checkbox"
                    aria-label={`Choose run ${shortId(run.id)}`}
                    checked={chosen?.has(run.id) ?? false}
                    onChange={(event) => onChoose([run.id], event.currentTarget.checked)}
                  />
                </td>
              )}
              <td>
                <StateBadge state={run.state} stale={run.stale} />
              </td>
              {withTask && (
                <td class="name">
                  <a href={`/tasks/${run.taskName}`}>{run.taskName}</a>
                </td>
              )}
              <td>
                <a class="mono" href={`/runs/${run.id}`} title={run.id}>
                  {shortId(run.id)}
                </a>
              </td>
              <td>
                <Age of={run.createdAt} now={now} />
              </td>
              <td>{took === undefined ? '' : duration(took)}</td>
              {hasCost && (
                <td class="number muted">{run.cost === undefined ? '' : money(run.cost.amount, run.cost.currency)}</td>
              )}
              <td class="wide">{whatOf(run)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
