import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunView } from '../../src/contract/run.ts';
import type { TaskDefinitionDocument } from '../../src/contract/task-definition.ts';
import { announce } from '../state/announce.ts';
import { newKey } from '../state/new-key.ts';
import { usePlan } from '../state/plan.ts';
import { go } from '../state/router.ts';
import { useClient } from '../state/session.ts';
import { whyNot } from '../text/failure.ts';
import { fieldText, parseLabels, problemsByField, toRequest, type Parameter, type Values } from '../text/parameters.ts';
import { shortId } from '../text/format.ts';
import { Field } from './field.tsx';
import { PlanPanel } from './plan-panel.tsx';

const noParameters: readonly Parameter[] = [];

/** A press must not take the focus from a field: what is then said at the field would push the button away from under the press. */
const keepFocus = (event: MouseEvent): void => event.preventDefault();

/** The form of a task, made from its parameters. With `earlier` it begins with the inputs of that run. */
export function TaskForm({ document, earlier }: { document: TaskDefinitionDocument; earlier: RunView | undefined }) {
  const { taskName, scriptParameters: parameters = noParameters } = document;
  const client = useClient();
  const [values, setValues] = useState<Values>(() => inputsOf(earlier));
  const [labelText, setLabelText] = useState(() => labelsOf(earlier));
  /** From then on it is open or closed as people leave it. */
  const [beginsWithLabels] = useState(labelText !== '');
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [sending, setSending] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const form = useRef<HTMLFormElement>(null);
  const panel = useRef<HTMLElement>(null);
  /** What the button that was pressed waits for: that the server has looked at what stands in the form now. */
  const [wish, setWish] = useState<'plan' | 'run'>();
  /** Sent twice, the same form is one run. */
  const key = useRef(newKey());

  const { labels, wrong } = useMemo(() => parseLabels(labelText), [labelText]);
  const request = useMemo(
    () => ({ taskName, parameters: toRequest(parameters, values), labels }),
    [taskName, parameters, values, labels],
  );
  const checked = usePlan(request);
  const problems = problemsByField(checked.problems, checked.request.parameters, parameters);
  const checkedValues = new Map(checked.request.parameters.map(({ name, value }) => [name, value]));
  const elsewhere = [...(problems.get('') ?? []), ...wrong.map((pair) => `${pair} is no label: write name=value`)];
  const isGood = checked.plan !== undefined && wrong.length === 0;

  function change(name: string, value: string): void {
    key.current = newKey();
    setFailure(undefined);
    setWish(undefined);
    setValues((before) => ({ ...before, [name]: value }));
  }

  async function send(): Promise<void> {
    setSending(true);
    try {
      const run = await start();
      announce(`Run ${shortId(run.id)} of ${taskName} is accepted`);
      go(`/runs/${run.id}`);
    } catch (error) {
      setFailure(error);
      setSending(false);
      setTouched(new Set(parameters.map(({ parameterName }) => parameterName)));
    }
  }

  function start(): Promise<RunView> {
    const options = { idempotencyKey: key.current };
    // A rerun keeps the values that it is not given, so one that leaves some out is a new run.
    const given = new Set(request.parameters.map(({ name }) => name));
    const leavesOut = earlier?.parameters.some(({ name, value }) => value !== undefined && !given.has(name)) ?? false;
    if (earlier === undefined || leavesOut) return client.run(request, options);
    return client.rerun(earlier.id, { parameters: request.parameters, labels }, options);
  }

  function wishFor(next: 'plan' | 'run'): void {
    setTouched(new Set(parameters.map(({ parameterName }) => parameterName)));
    setFailure(undefined);
    setWish(next);
    checked.hurry();
  }

  useEffect(() => {
    if (wish === undefined || !checked.isCurrent) return;
    setWish(undefined);
    if (isGood && wish === 'run') void send();
    else if (isGood) panel.current?.focus();
    else if (checked.error !== undefined) panel.current?.focus();
    else form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [wish, checked.isCurrent, isGood]);

  return (
    <div class="columns">
      <form
        ref={form}
        class="box task-form"
        aria-label={`Inputs of ${taskName}`}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          wishFor('run');
        }}
      >
        {parameters.length === 0 && <p class="muted">{taskName} takes no parameters.</p>}
        {parameters.map((parameter) => {
          const name = parameter.parameterName;
          // What was said of an earlier value is not said of this one.
          const isChecked = fieldText(values, name) === (checkedValues.get(name) ?? '');
          const isShown = touched.has(name) && isChecked;
          return (
            <Field
              key={name}
              parameter={parameter}
              value={fieldText(values, name)}
              problems={isShown ? (problems.get(name) ?? []) : []}
              wasSecret={earlier?.parameters.some((each) => each.name === name && each.secret) ?? false}
              onInput={(value) => change(name, value)}
              onLeave={() => setTouched((before) => new Set([...before, name]))}
            />
          );
        })}
        <details open={beginsWithLabels || undefined}>
          <summary>Labels</summary>
          <label for="labels" class="hidden">
            Labels
          </label>
          <input
            id="labels"
            value={labelText}
            placeholder="name=value, name=value"
            aria-invalid={elsewhere.length > 0}
            onInput={(event) => {
              key.current = newKey();
              setLabelText(event.currentTarget.value);
            }}
          />
          <p class="hint">Runs can be found by them again.</p>
        </details>
        {elsewhere.map((message) => (
          <p key={message} class="problem">
            {message}
          </p>
        ))}
        {failure !== undefined && (
          <p class="problem" role="alert">
            {whyNot(failure)}
          </p>
        )}
        <div class="actions">
          <button type="button" onMouseDown={keepFocus} onClick={() => wishFor('plan')} disabled={sending}>
            Plan
          </button>
          <button type="submit" class="primary" onMouseDown={keepFocus} disabled={sending}>
            {sending ? 'Starting…' : 'Run'}
          </button>
        </div>
      </form>
      <PlanPanel panel={panel} checked={checked} />
    </div>
  );
}

function inputsOf(earlier: RunView | undefined): Values {
  return Object.fromEntries(
    (earlier?.parameters ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
  );
}

function labelsOf(earlier: RunView | undefined): string {
  return Object.entries(earlier?.labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}
