import { useEffect, useState } from 'preact/hooks';
import type { Problem } from '../../src/contract/errors.ts';
import type { Plan } from '../../src/contract/run.ts';
import { useReload } from './changes.ts';
import { useClient } from './session.ts';
import { after } from './time.ts';

export interface PlanRequest {
  taskName: string;
  parameters: { name: string; value: string }[];
  labels: Record<string, string>;
}

export interface CheckedPlan {
  /** What was looked at: the form may have gone on. */
  request: PlanRequest;
  /** What would run; undefined where it cannot. */
  plan: Plan | undefined;
  problems: readonly Problem[];
  /** Why it cannot run, where no field is to blame. */
  error: unknown;
  /** It is about what stands in the form now. */
  isCurrent: boolean;
  /** Looks at once, and anew: what was found before may no longer be so. */
  hurry(): void;
}

/** Typing is left alone for so long. */
const pauseMs = 350;

type Looked = Omit<CheckedPlan, 'isCurrent' | 'hurry'>;

/** Asks the server what would run, with the very checks that a run is accepted by, whenever the request has changed. */
export function usePlan(request: PlanRequest): CheckedPlan {
  const client = useClient();
  const [looked, setLooked] = useState<Looked & { done: boolean }>({
    request,
    plan: undefined,
    problems: [],
    error: undefined,
    done: false,
  });
  const pause = looked.done ? pauseMs : 0;
  const hurry = (): void => setLooked((before) => ({ ...before, done: false }));
  // What could not be asked is asked again once the server answers.
  useReload(
    () => {
      if (looked.error !== undefined) hurry();
    },
    () => false,
  );

  useEffect(() => {
    if (looked.request === request && looked.done) return undefined;
    const stop = new AbortController();
    const settle = (seen: Partial<Looked>): void => {
      if (stop.signal.aborted) return;
      setLooked({ request, plan: undefined, problems: [], error: undefined, done: true, ...seen });
    };
    const cancel = after(pause, () => {
      client.check(request, { signal: stop.signal }).then(
        ({ plan, problems }) => settle({ plan, problems }),
        (error: unknown) => settle({ error }),
      );
    });
    return () => {
      cancel();
      stop.abort();
    };
  }, [client, request, pause, looked.done]);

  const { done, ...seen } = looked;
  return { ...seen, isCurrent: done && looked.request === request, hurry };
}
