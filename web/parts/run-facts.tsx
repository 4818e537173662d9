import { useState } from 'preact/hooks';
import type { RunView } from '../../src/contract/run.ts';
import { download } from '../state/download.ts';
import { useClient } from '../state/session.ts';
import { failureOf } from '../text/failure.ts';
import { bytes, dateTime, money, shortId } from '../text/format.ts';
import { Facts } from './basics.tsx';

/** What it left. */
export function RunResult({ run }: { run: RunView }) {
  const client = useClient();
  const [problem, setProblem] = useState<unknown>();
  const { output, outputProblem, files, exitCode } = run;
  if (run.endedAt === undefined) return null;
  const list = (
    <ul class="values">
      {files.map(({ name, bytes: size }) => (
        <li key={name}>
          <button
            type="button"
            class="link"
            onClick={() => {
              setProblem(undefined);
              client
                .output(run.id, name)
                .then((answer) => download(answer, name))
                .catch(setProblem);
            }}
          >
            {name}
          </button>{' '}
          <span class="muted">{bytes(size)}</span>
        </li>
      ))}
    </ul>
  );
  return (
    <section>
      <h2>Result</h2>
      <Facts
        of={[
          ['Exit code', exitCode === undefined ? 'none' : <code>{exitCode}</code>],
          ['Reason', run.reason],
          files.length === 0 ? undefined : ['Files', list],
        ]}
      />
      {outputProblem !== undefined && <p class="problem">{outputProblem}</p>}
      {output !== undefined && (
        <pre tabIndex={0} aria-label="Output">
          {JSON.stringify(output, undefined, 2)}
        </pre>
      )}
      {problem !== undefined && (
        <p class="problem" role="alert">
          {failureOf(problem).text}
        </p>
      )}
    </section>
  );
}

/** What it was given. */
export function RunInputs({ run }: { run: RunView }) {
  const { parameters, labels, definition } = run;
  const source = (name: string): string | undefined =>
    definition.scriptParameters.find(({ parameterName }) => parameterName === name)?.valueFrom;
  return (
    <section>
      <h2>Inputs</h2>
      {parameters.length === 0 && <p class="muted">None.</p>}
      <Facts
        of={parameters.map(({ name, value, secret }) => [
          name,
          secret ? (
            <span class="muted">
              {source(name) === undefined ? 'secret, not kept' : `secret, from ${source(name)}`}
            </span>
          ) : (
            <code class="value">{value}</code>
          ),
        ])}
      />
      {Object.keys(labels).length > 0 && (
        <p class="labels">
          {Object.entries(labels).map(([name, value]) => (
            <a key={name} class="chip" href={`/runs?${new URLSearchParams({ label: `${name}=${value}` }).toString()}`}>
              {name}={value}
            </a>
          ))}
        </p>
      )}
    </section>
  );
}

/** Who, when, where, and what it cost. */
export function RunFacts({ run }: { run: RunView }) {
  const { cost, attempts, executable, definition, rerunOf } = run;
  const last = attempts.at(-1);
  return (
    <section>
      <h2>Receipt</h2>
      <Facts
        of={[
          ['Run', <code>{run.id}</code>],
          ['Asked by', run.requestedBy],
          run.schedule === undefined
            ? undefined
            : ['Schedule', `${run.schedule.name}, planned for ${dateTime(run.schedule.plannedAt)}`],
          ['Accepted', <time dateTime={run.createdAt}>{dateTime(run.createdAt)}</time>],
          run.endedAt === undefined
            ? undefined
            : ['Ended', <time dateTime={run.endedAt}>{dateTime(run.endedAt)}</time>],
          rerunOf === undefined ? undefined : ['Rerun of', <a href={`/runs/${rerunOf}`}>{shortId(rerunOf)}</a>],
          [
            'Cost',
            cost === undefined ? (
              <span class="muted">this platform has no price</span>
            ) : (
              <>
                {money(cost.amount, cost.currency)}
                <span class="muted">
                  {' '}
                  for {cost.cpuSeconds.toFixed(0)} CPU seconds and {cost.gbSeconds.toFixed(0)} GB seconds, by list
                  prices of {cost.prices.asOf}
                </span>
              </>
            ),
          ],
          last && ['Ran on', [last.platform, last.region].filter((each) => each !== undefined).join(', ')],
          last && ['Container', <code class="hash">{last.containerName}</code>],
          ['Image', <code class="hash">{definition.dockerImage}</code>],
          last?.imageDigest === undefined ? undefined : ['Image digest', <code class="hash">{last.imageDigest}</code>],
          run.taskVersion === undefined ? undefined : ['Task version', <code>{run.taskVersion}</code>],
          ['Executable', <code>{executable.name}</code>],
          ['SHA-256', <code class="hash">{executable.sha256}</code>],
          run.log === undefined ? undefined : ['Log SHA-256', <code class="hash">{run.log.sha256}</code>],
        ]}
      />
    </section>
  );
}
