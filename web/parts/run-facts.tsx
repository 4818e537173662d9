import { useState } from 'preact/hooks';
import type { RunView } from '../../src/contract/run.ts';
import type { DeliveryView } from '../../src/contract/webhook.ts';
import { download } from '../state/download.ts';
import { useClient } from '../state/session.ts';
import { whyNot } from '../text/failure.ts';
import { deliveryText } from '../text/delivery-text.ts';
import { bytes, dateTime, money, shortId } from '../text/format.ts';
import { runsWith } from '../text/run-filter.ts';
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
          {whyNot(problem)}
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
            <a key={name} class="chip" href={runsWith(name, value)}>
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
          ['Task', <a href={`/tasks/${run.taskName}`}>{run.taskName}</a>],
          ['Run', <code>{run.id}</code>],
          ['Asked by', run.requestedBy],
          run.schedule === undefined
            ? undefined
            : [
                'Schedule',
                <>
                  <a href={runsWith('schedule', run.schedule.name)}>{run.schedule.name}</a>, planned for{' '}
                  {dateTime(run.schedule.plannedAt)}
                </>,
              ],
          ['Accepted', <time dateTime={run.createdAt}>{dateTime(run.createdAt)}</time>],
          run.endedAt === undefined
            ? undefined
            : ['Ended', <time dateTime={run.endedAt}>{dateTime(run.endedAt)}</time>],
          rerunOf === undefined ? undefined : ['Rerun of', <a href={`/runs/${rerunOf}`}>{shortId(rerunOf)}</a>],
          [
            'Cost',
            cost === undefined ? (
              <span class="muted">{withoutCost(run)}</span>
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
          run.webhooks === undefined || run.webhooks.length === 0
            ? undefined
            : ['Webhooks', <Deliveries of={run.webhooks} id={run.id} />],
        ]}
      />
    </section>
  );
}

/** Why it says no cost. The platform that has a price makes the receipt when an attempt ends. */
function withoutCost({ attempts, endedAt }: RunView): string {
  const last = attempts.at(-1);
  if (last === undefined) return 'nothing was started';
  return endedAt === undefined && last.platform === 'azure-container-instances'
    ? 'known once the attempt has ended'
    : 'this platform has no price';
}

/** Who is told of its end, and how far that has come. */
function Deliveries({ of, id }: { of: readonly DeliveryView[]; id: string }) {
  return (
    <ul class="values">
      {of.map((delivery) => (
        <li key={delivery.number}>
          {delivery.target}{' '}
          <span class={delivery.state === 'dead' ? 'problem' : 'muted'}>{deliveryText(delivery)}</span>
        </li>
      ))}
      {of.some(({ state }) => state === 'dead') && (
        <li class="hint">
          <code>errand webhooks redeliver {id}</code> sends them once more.
        </li>
      )}
    </ul>
  );
}
