import type { RefObject } from 'preact';
import type { Plan } from '../../src/contract/run.ts';
import type { CheckedPlan } from '../state/plan.ts';
import { failureOf } from '../text/failure.ts';
import { counted, duration, money } from '../text/format.ts';
import { Facts } from './basics.tsx';

/** What would run, before it does. */
export function PlanPanel({ panel, checked }: { panel: RefObject<HTMLElement | null>; checked: CheckedPlan }) {
  const { plan, problems, error, isCurrent } = checked;
  return (
    <section ref={panel} class="box plan" tabIndex={-1} aria-label="Plan" aria-busy={!isCurrent}>
      <h2>Plan</h2>
      <div aria-live="polite">
        {error !== undefined && (
          <>
            <p class="problem">{failureOf(error).title}</p>
            <p>{failureOf(error).text}</p>
          </>
        )}
        {problems.length > 0 && (
          <p class="muted">{counted(problems.length, 'input is', 'inputs are')} missing or not right yet.</p>
        )}
      </div>
      {plan !== undefined && <PlanFacts plan={plan} />}
    </section>
  );
}

function PlanFacts({ plan }: { plan: Plan }) {
  const { image, executable, parameters, timeouts, resources, platform, concurrency, cost, notes, environment } = plan;
  const seconds = (value: number) => duration(value * 1000);
  const names = Object.keys(environment);
  return (
    <>
      <Facts
        of={[
          ['Image', <code>{image}</code>],
          ['Executable', <code>{executable.name}</code>],
          ['SHA-256', <code class="hash">{executable.sha256}</code>],
          [
            'Parameters',
            parameters.length === 0 ? (
              'none'
            ) : (
              <ul class="values">
                {parameters.map(({ name, value, secret }) => (
                  <li key={name}>
                    <code>{name}</code>{' '}
                    {secret ? <span class="muted">secret</span> : <code class="value">{value}</code>}
                  </li>
                ))}
              </ul>
            ),
          ],
          names.length === 0 ? undefined : ['Environment', <code>{names.join(', ')}</code>],
          ['Runs on', `${platform}, ${resources.cpu} CPU, ${resources.memoryInGB} GB`],
          [
            'Limits',
            `waits ${seconds(timeouts.queueSeconds)}, starts within ${seconds(timeouts.startSeconds)}, runs ${seconds(timeouts.runSeconds)}`,
          ],
          ['Queue', queueText(concurrency)],
          cost && [
            'Cost',
            `${money(cost.perMinute, cost.currency)} a minute, at most ${money(cost.atMost, cost.currency)}`,
          ],
        ]}
      />
      {notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
    </>
  );
}

function queueText(concurrency: Plan['concurrency']): string {
  if (concurrency === undefined) return 'starts at once, where the platform has room';
  const { limit, held, waiting } = concurrency;
  const now = `${held} of ${limit} under way`;
  if (held + waiting < limit) return `${now}: starts at once`;
  return waiting === 0 ? `${now}: waits for one of them to end` : `${now}: waits behind ${waiting}`;
}
