import { useId } from 'preact/hooks';
import { hintOf, sourceOf, type Parameter } from '../text/parameters.ts';

interface FieldProps {
  parameter: Parameter;
  value: string;
  problems: readonly string[];
  /** An earlier run had a value, which nobody can read again. */
  wasSecret: boolean;
  onInput: (value: string) => void;
  onLeave: () => void;
}

/** More than this is written in several lines. */
const lineLength = 255;

/** One parameter as a field: what it takes, what it is for, and what is wrong with what is in it. */
export function Field({ parameter, value, problems, wasSecret, onInput, onLeave }: FieldProps) {
  const id = useId();
  const { parameterName: name, description, required = false, valueFrom } = parameter;
  if (valueFrom !== undefined) {
    return (
      <div class="field">
        <span class="label">{name}</span>
        <p class="comes-from">Comes from {sourceOf(valueFrom)}; nobody is asked for it.</p>
      </div>
    );
  }
  const hint = hintOf(parameter);
  const described = [
    ...(description === undefined ? [] : [`${id}-about`]),
    ...(hint === undefined && !wasSecret ? [] : [`${id}-hint`]),
    ...(problems.length === 0 ? [] : [`${id}-problem`]),
  ].join(' ');
  const common = {
    id,
    name,
    value,
    'aria-required': required && parameter.default === undefined,
    'aria-invalid': problems.length > 0,
    'aria-describedby': described === '' ? undefined : described,
    onInput: (event: { currentTarget: { value: string } }) => onInput(event.currentTarget.value),
    onBlur: onLeave,
  };
  return (
    <div class={`field ${problems.length > 0 ? 'is-wrong' : ''}`}>
      <label for={id}>
        {name}
        {!required && <span class="muted"> optional</span>}
      </label>
      {description !== undefined && (
        <p class="about" id={`${id}-about`}>
          {description}
        </p>
      )}
      <Input parameter={parameter} common={common} />
      {(hint !== undefined || wasSecret) && (
        <p class="hint" id={`${id}-hint`}>
          {wasSecret ? 'Secrets are not kept: give it again. ' : ''}
          {hint}
        </p>
      )}
      {problems.length > 0 && (
        <p class="problem" id={`${id}-problem`}>
          {problems.join('. ')}
        </p>
      )}
    </div>
  );
}

function Input({
  parameter,
  common,
}: {
  parameter: Parameter;
  common: {
    id: string;
    value: string;
    onInput: (event: { currentTarget: { value: string } }) => void;
    onBlur: () => void;
  };
}) {
  const { parameterType: type, maxLength, default: preset } = parameter;
  const choices = parameter.enum?.map(String) ?? (type === 'boolean' ? ['true', 'false'] : undefined);
  const placeholder = preset === undefined ? undefined : String(preset);
  if (choices !== undefined) {
    // What an earlier run had may not be offered any more; it is shown, and the server says so.
    const offered = common.value === '' || choices.includes(common.value) ? choices : [common.value, ...choices];
    return (
      <select {...common}>
        <option value="">{placeholder === undefined ? 'Choose…' : `${placeholder} (default)`}</option>
        {offered.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    );
  }
  if (type === 'secret') return <input {...common} type="password" autocomplete="new-password" spellcheck={false} />;
  if (type === 'json' || common.value.includes('\n') || (maxLength !== undefined && maxLength > lineLength))
    return <textarea {...common} rows={3} placeholder={placeholder} spellcheck={false} />;
  const isNumber = type === 'int' || type === 'integer' || type === 'number';
  return (
    <input
      {...common}
      type="text"
      inputMode={isNumber ? (type === 'number' ? 'decimal' : 'numeric') : undefined}
      placeholder={placeholder}
      autocomplete="off"
      spellcheck={false}
    />
  );
}
