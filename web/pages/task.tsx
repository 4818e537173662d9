import { Empty, ErrorBox, Facts, Reading } from '../parts/basics.tsx';
import { PageTitle } from '../parts/layout.tsx';
import { RunTable } from '../parts/run-table.tsx';
import { TaskForm } from '../parts/task-form.tsx';
import { TaskVersions } from '../parts/task-versions.tsx';
import { useReload } from '../state/changes.ts';
import { useData } from '../state/data.ts';
import { usePlace } from '../state/router.ts';
import { useNow } from '../state/time.ts';
import { bytes } from '../text/format.ts';

const latestRuns = 5;
const tickMs = 5_000;

export function TaskPage({ name }: { name: string }) {
  const { query } = usePlace();
  const rerunOf = query.get('rerun') ?? undefined;
  const task = useData(`task ${name}`, (client, signal) => client.task(name, { signal }));
  const earlier = useData(`earlier ${rerunOf}`, async (client, signal) =>
    rerunOf === undefined ? undefined : client.get(rerunOf, { signal }),
  );
  const title = rerunOf === undefined ? name : `Rerun ${name}`;
  if (task.error !== undefined && task.value === undefined) {
    return (
      <>
        <PageTitle title={title} />
        <ErrorBox error={task.error} reload={task.reload}>
          <p>
            <a href="/tasks">All tasks</a>
          </p>
        </ErrorBox>
      </>
    );
  }
  if (task.value === undefined || (rerunOf !== undefined && earlier.value === undefined && earlier.error === undefined))
    return (
      <>
        <PageTitle title={title} />
        <Reading what="the task" />
      </>
    );
  const { document, executable, etag, version } = task.value;
  return (
    <>
      <PageTitle title={title}>{document.enabled === false && <span class="tag">switched off</span>}</PageTitle>
      {document.description !== undefined && <p class="lead">{document.description}</p>}
      {earlier.error !== undefined && <ErrorBox error={earlier.error} />}
      <TaskForm key={`${rerunOf} ${etag}`} document={document} earlier={earlier.value} />
      <LatestRuns name={name} />
      <section>
        <h2>Definition</h2>
        <Facts
          of={[
            ['Image', <code>{document.dockerImage}</code>],
            [
              'Executable',
              executable === undefined ? (
                <span class="problem">{document.scriptName} is not there: push the task again</span>
              ) : (
                <>
                  <code>{executable.name}</code>, {bytes(executable.bytes)}
                </>
              ),
            ],
            executable && ['SHA-256', <code class="hash">{executable.sha256}</code>],
          ]}
        />
        <details>
          <summary>The whole document</summary>
          <pre tabIndex={0}>{JSON.stringify(document, undefined, 2)}</pre>
        </details>
      </section>
      <TaskVersions name={name} current={version} />
    </>
  );
}

function LatestRuns({ name }: { name: string }) {
  const runs = useData(`runs of ${name}`, (client, signal) =>
    client.list({ task: name, limit: latestRuns }, { signal }),
  );
  const now = useNow(tickMs);
  useReload(runs.reload, ({ taskName }) => taskName === name);
  return (
    <section>
      <h2>
        Latest runs <a href={`/runs?task=${name}`}>all</a>
      </h2>
      {runs.error !== undefined && <ErrorBox error={runs.error} reload={runs.reload} />}
      {runs.value?.runs.length === 0 && (
        <Empty title="It has not been run yet">
          <p>Fill in the form above, look at the plan, and run it.</p>
        </Empty>
      )}
      {runs.value !== undefined && runs.value.runs.length > 0 && (
        <RunTable runs={runs.value.runs} now={now} withTask={false} />
      )}
    </section>
  );
}
