import { useState } from 'preact/hooks';
import type { TaskVersion } from '../../src/contract/run.ts';
import { useData } from '../state/data.ts';
import { useNow } from '../state/time.ts';
import { counted } from '../text/format.ts';
import { Age, ErrorBox, Reading } from './basics.tsx';

const tickMs = 60_000;

/** What was pushed under this name, newest first: each with its definition as it was. */
export function TaskVersions({ name, current }: { name: string; current: string | undefined }) {
  const versions = useData(`versions ${name} ${current}`, (client, signal) => client.versions(name, { signal }));
  const now = useNow(tickMs);
  return (
    <section>
      <h2>Versions</h2>
      {versions.error !== undefined && <ErrorBox error={versions.error} reload={versions.reload} />}
      {versions.value?.length === 0 && <p class="muted">None is kept: it was not pushed, but put here by hand.</p>}
      <ul class="plain">
        {(versions.value ?? []).map((version) => (
          <Version key={version.version} name={name} of={version} isCurrent={version.version === current} now={now} />
        ))}
      </ul>
      {(versions.value?.length ?? 0) > 1 && (
        <p class="hint">
          {counted(versions.value?.length ?? 0, 'version')}. <code>errand versions {name}</code> goes back to one.
        </p>
      )}
    </section>
  );
}

function Version({ name, of, isCurrent, now }: { name: string; of: TaskVersion; isCurrent: boolean; now: number }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <code>{of.version}</code> {isCurrent && <span class="tag">now</span>}{' '}
          <span class="muted">
            pushed <Age of={of.keptAt} now={now} />
          </span>
        </summary>
        {isOpen && <Document name={name} version={of.version} />}
      </details>
    </li>
  );
}

function Document({ name, version }: { name: string; version: string }) {
  const found = useData(`version ${name} ${version}`, (client, signal) => client.version(name, version, { signal }));
  if (found.error !== undefined) return <ErrorBox error={found.error} reload={found.reload} />;
  if (found.value === undefined) return <Reading what="the version" />;
  return (
    <pre tabIndex={0} aria-label={`Definition of version ${version}`}>
      {JSON.stringify(found.value.document, undefined, 2)}
    </pre>
  );
}
