import { useState } from 'preact/hooks';
import type { Overview } from '../../src/contract/overview.ts';
import type { TaskSummary } from '../../src/contract/run.ts';
import { Age, Empty, ErrorBox, Reading, StateBadge } from '../parts/basics.tsx';
import { PageTitle } from '../parts/layout.tsx';
import { useReload } from '../state/changes.ts';
import { useData } from '../state/data.ts';
import { useNow } from '../state/time.ts';
import { counted } from '../text/format.ts';
import { stateWords } from '../text/state-words.ts';

const weekHours = 168;
const tickMs = 15_000;
/** The latest runs come from the overview, which costs the server as much as a thousand runs. */
const leastMs = 3_000;

export function TasksPage() {
  const tasks = useData('tasks', (client, signal) => client.tasks({ signal }));
  // A key that may not read runs still sees the tasks.
  const latest = useData('latest runs', (client, signal) => client.overview({ hours: weekHours }, { signal }));
  const now = useNow(tickMs);
  const [search, setSearch] = useState('');
  useReload(
    () => {
      tasks.reload();
      latest.reload();
    },
    () => true,
    leastMs,
  );
  const wanted = (tasks.value ?? []).filter(({ taskName, description = '' }) =>
    `${taskName} ${description}`.toLowerCase().includes(search.trim().toLowerCase()),
  );
  return (
    <>
      <PageTitle title="Tasks">
        {(tasks.value?.length ?? 0) > 0 && (
          <input
            type="search"
            aria-label="Search tasks"
            placeholder="Search"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        )}
      </PageTitle>
      {tasks.error !== undefined && <ErrorBox error={tasks.error} reload={tasks.reload} />}
      {tasks.value === undefined && tasks.error === undefined && <Reading what="tasks" />}
      {tasks.value?.length === 0 && (
        <Empty title="There are no tasks yet">
          <p>
            <code>errand init my-task</code> makes one, and <code>errand push my-task</code> brings it here.
          </p>
        </Empty>
      )}
      {tasks.value !== undefined && tasks.value.length > 0 && wanted.length === 0 && (
        <Empty title="No task is called that">
          <p>
            {counted(tasks.value.length, 'task is', 'tasks are')} here.{' '}
            <button type="button" onClick={() => setSearch('')}>
              Show all
            </button>
          </p>
        </Empty>
      )}
      {wanted.length > 0 && (
        <ul class="task-list">
          {wanted.map((task) => (
            <TaskItem
              key={task.taskName}
              task={task}
              runs={latest.value?.tasks.find(({ taskName }) => taskName === task.taskName)?.runs}
              known={latest.value !== undefined}
              now={now}
            />
          ))}
        </ul>
      )}
    </>
  );
}

interface ItemProps {
  task: TaskSummary;
  runs: Overview['tasks'][number]['runs'] | undefined;
  known: boolean;
  now: number;
}

function TaskItem({ task, runs = [], known, now }: ItemProps) {
  const { taskName, description, enabled, valid, problem } = task;
  const [last] = runs;
  return (
    <li>
      <div class="task-name">
        <a href={`/tasks/${taskName}`}>{taskName}</a>
        {!enabled && <span class="tag">switched off</span>}
        {!valid && <span class="tag is-bad">not valid</span>}
        <p class={valid ? 'muted' : 'problem'}>{valid ? description : problem}</p>
      </div>
      <div class="task-last">
        {last === undefined ? (
          <span class="muted">{known ? 'no run this week' : ''}</span>
        ) : (
          <>
            <LastRuns runs={runs} />
            <a href={`/runs/${last.id}`}>
              <StateBadge state={last.state} />
            </a>{' '}
            <span class="muted">
              <Age of={last.createdAt} now={now} />
            </span>
          </>
        )}
      </div>
    </li>
  );
}

/** The latest runs, the newest at the right, as a row of marks. */
function LastRuns({ runs }: { runs: Overview['tasks'][number]['runs'] }) {
  const states = runs.map(({ state }) => stateWords[state]).join(', ');
  return (
    <span class="last-runs" role="img" aria-label={`Latest runs, newest first: ${states}`}>
      {runs.toReversed().map(({ id, state }) => (
        <i key={id} class={`is-${state}`} />
      ))}
    </span>
  );
}
