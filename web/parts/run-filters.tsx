import { useRef, useState } from 'preact/hooks';
import type { RunState } from '../../src/contract/run-states.ts';
import { useData } from '../state/data.ts';
import { go, usePlace, withQuery } from '../state/router.ts';
import { periods, type RunFilter } from '../text/run-filter.ts';
import { stateWords } from '../text/state-words.ts';

const periodWords = { '1h': 'the last hour', '24h': 'the last day', '7d': 'the last week', '30d': 'the last 30 days' };

/** The filters of the list. They are in the address: it can be sent to somebody, or kept. */
export function RunFilters({ filter, states }: { filter: RunFilter; states: readonly RunState[] }) {
  const place = usePlace();
  const tasks = useData('tasks', (client, signal) => client.tasks({ signal }));
  const [label, setLabel] = useState('');
  const [labelProblem, setLabelProblem] = useState(false);
  const labelInput = useRef<HTMLInputElement>(null);

  function set(changes: Parameters<typeof withQuery>[1]): void {
    go(withQuery(place, { ...changes, cursor: undefined }), { replace: true });
  }

  function addLabel(): void {
    const text = label.trim();
    if (text === '') return;
    if (!/^[^=\s]+=/.test(text)) return setLabelProblem(true);
    setLabel('');
    set({ label: [...filter.labels.filter((other) => other !== text), text] });
  }

  return (
    <form
      class="filters"
      role="search"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
        addLabel();
      }}
    >
      <fieldset class="chips">
        <legend class="hidden">States</legend>
        {states.map((state) => (
          <label key={state} class="chip">
            <input
              type="checkbox"
              checked={filter.states.includes(state)}
              onChange={(event) =>
                set({
                  state: event.currentTarget.checked
                    ? [...filter.states, state]
                    : filter.states.filter((each) => each !== state),
                })
              }
            />
            {stateWords[state]}
          </label>
        ))}
      </fieldset>
      <div class="filter-row">
        <label>
          <span class="hidden">Task</span>
          <select value={filter.task} onChange={(event) => set({ task: event.currentTarget.value || undefined })}>
            <option value="">Any task</option>
            {filter.task !== '' && !tasks.value?.some(({ taskName }) => taskName === filter.task) && (
              <option value={filter.task}>{filter.task}</option>
            )}
            {(tasks.value ?? []).map(({ taskName }) => (
              <option key={taskName} value={taskName}>
                {taskName}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span class="hidden">Accepted within</span>
          <select
            value={filter.within ?? ''}
            onChange={(event) => set({ within: event.currentTarget.value || undefined })}
          >
            <option value="">Any time</option>
            {(Object.keys(periods) as (keyof typeof periods)[]).map((period) => (
              <option key={period} value={period}>
                {periodWords[period]}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span class="hidden">Label</span>
          <input
            ref={labelInput}
            placeholder="Label: name=value"
            value={label}
            aria-invalid={labelProblem}
            onInput={(event) => {
              setLabel(event.currentTarget.value);
              setLabelProblem(false);
            }}
            onBlur={addLabel}
          />
        </label>
        {filter.labels.map((each) => (
          <button
            key={each}
            type="button"
            class="chip"
            aria-label={`Take away the label ${each}`}
            onClick={() => {
              set({ label: filter.labels.filter((other) => other !== each) });
              // This button goes away, and would take the focus with it.
              labelInput.current?.focus();
            }}
          >
            {each} ×
          </button>
        ))}
        {labelProblem && (
          <span class="problem" role="alert">
            Write name=value
          </span>
        )}
      </div>
    </form>
  );
}
