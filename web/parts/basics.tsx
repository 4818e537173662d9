import type { ComponentChildren } from 'preact';
import type { RunState } from '../../src/contract/run-states.ts';
import { failureOf } from '../text/failure.ts';
import { ago, ahead, dateTime } from '../text/format.ts';
import { stateWords } from '../text/state-words.ts';

export function StateBadge({ state, stale = false }: { state: RunState; stale?: boolean }) {
  return (
    <span
      class={`state is-${state}`}
      title={stale ? 'The platform does not answer: this may be older than it looks' : undefined}
    >
      {stateWords[state]}
      {stale && '?'}
    </span>
  );
}

/** An instant, told as its age. */
export function Age({ of, now }: { of: string; now: number }) {
  return (
    <time dateTime={of} title={dateTime(of)}>
      {ago(of, now)}
    </time>
  );
}

/** An instant that is to come, told as how far away it is. */
export function Until({ at, now }: { at: string; now: number }) {
  return (
    <time dateTime={at} title={dateTime(at)}>
      {ahead(at, now)}
    </time>
  );
}

/** What could not be read, and what to do. */
export function ErrorBox({
  error,
  reload,
  children,
}: {
  error: unknown;
  reload?: () => void;
  children?: ComponentChildren;
}) {
  const { title, text, problems, requestId } = failureOf(error);
  return (
    <section class="box is-error" role="alert">
      <h2>{title}</h2>
      <p>{text}</p>
      {problems.length > 1 && (
        <ul>
          {problems.map(({ path, message }) => (
            <li key={`${path} ${message}`}>{message}</li>
          ))}
        </ul>
      )}
      {requestId !== undefined && <p class="muted">Request {requestId}</p>}
      {children}
      {reload !== undefined && (
        <button type="button" onClick={reload}>
          Try again
        </button>
      )}
    </section>
  );
}

/** Nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="box is-empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Reading({ what }: { what: string }) {
  return (
    <p class="reading" role="status">
      Reading {what}…
    </p>
  );
}

/** Pairs of a name and what it is. */
export function Facts({ of }: { of: readonly (readonly [name: string, value: ComponentChildren] | undefined)[] }) {
  return (
    <dl class="facts">
      {of.map((pair) => {
        if (pair === undefined) return null;
        const [name, value] = pair;
        return (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        );
      })}
    </dl>
  );
}
