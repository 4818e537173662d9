import { Empty } from './parts/basics.tsx';
import { Layout, PageTitle } from './parts/layout.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { RunPage } from './pages/run.tsx';
import { RunsPage } from './pages/runs.tsx';
import { SchedulesPage } from './pages/schedules.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { TaskPage } from './pages/task.tsx';
import { TasksPage } from './pages/tasks.tsx';
import { usePlace } from './state/router.ts';
import { useSession } from './state/session.ts';

export function App() {
  const { signIn } = useSession();
  return <Layout>{signIn === undefined ? <Page /> : <SignInPage />}</Layout>;
}

function Page() {
  const { path } = usePlace();
  const [, section = '', name, ...more] = path.split('/').map(decoded);
  if (more.length === 0) {
    if (section === '' && name === undefined) return <OverviewPage />;
    if (section === 'tasks') return name === undefined ? <TasksPage /> : <TaskPage key={name} name={name} />;
    if (section === 'schedules' && name === undefined) return <SchedulesPage />;
    if (section === 'runs') return name === undefined ? <RunsPage /> : <RunPage key={name} id={name} />;
  }
  return (
    <>
      <PageTitle title="Nothing here" />
      <Empty title="There is no page at this address">
        <p>
          Go to <a href="/runs">runs</a> or <a href="/tasks">tasks</a>.
        </p>
      </Empty>
    </>
  );
}

/** A segment of an address; as it is where it was mistyped. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
