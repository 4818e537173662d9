/** What can go wrong with one call, whether of a port or on a wire. */
export const faultKinds = [
  /** It is not carried out, and reported failed. */
  'failBefore',
  /** It is carried out, and reported failed. */
  'doneButFailed',
  /** Refused, with the request to come back later (429 with `Retry-After`). */
  'throttled',
  /** Refused, since the service is out of order (503). */
  'unavailable',
  /** No answer, until whoever asks gives up; it was carried out or not. */
  'silence',
  /** The connection breaks; it was carried out or not. */
  'reset',
  /** From some moment on the connection takes everything and gives nothing. */
  'halfOpen',
  /** It is carried out twice. */
  'duplicate',
  /** It is answered with what was true before. */
  'staleRead',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export const schedules = [
  /** The first call of each method for each run. */
  'first',
  /** Every third call of each method. */
  'everyThird',
  /** A tenth of all calls. */
  'tenth',
  'half',
] as const;
export type Schedule = (typeof schedules)[number];

export interface Fault {
  kind: FaultKind;
  /** In [0, 1): decides what the kind leaves open, such as whether the call was carried out. */
  coin: number;
}

export interface Call {
  port: string;
  method: string;
  /** The run, file or container that it is about; calls are counted for each. */
  subject?: string | undefined;
  /** Whether the kind can happen to this call at this moment. */
  canBe(kind: FaultKind): boolean;
}

export interface InjectorOptions {
  seed: number;
  schedule: Schedule;
  kinds: readonly FaultKind[];
  /** Undefined: all of them. */
  ports?: readonly string[] | undefined;
  /** So many calls of one method for one run may fail in a row, and the next one does not: at a rate of a half every look comes to its end after a few tries. */
  mostInARow?: number | undefined;
}

export interface Injector {
  /** What happens to this call. Counted as done: the caller has to do it. */
  decide(call: Call): Fault | undefined;
  /** Nothing happens before `start` and after `stop`. */
  start(): void;
  stop(): void;
  /** Faults so far, by `port kind`. */
  counts: ReadonlyMap<string, number>;
}

const rates: Readonly<Record<Schedule, number>> = { first: 1, everyThird: 1 / 3, tenth: 0.1, half: 0.5 };

/**
 * Decides by seed. Each decision hangs on the seed, the method, the ordinal of its subject and the number of the call, and on nothing else: other calls
 * may come in another order without changing it. Only `everyThird` counts over all subjects.
 */
export function injector({ seed, schedule, kinds, ports, mostInARow = 2 }: InjectorOptions): Injector {
  const counts = new Map<string, number>();
  const calls = new Map<string, number>();
  const rows = new Map<string, number>();
  const ordinals = new Map<string, number>();
  let active = false;

  function ordinal(subject: string): number {
    const known = ordinals.get(subject) ?? ordinals.size;
    ordinals.set(subject, known);
    return known;
  }

  function isHit(method: string, operation: string): boolean {
    const count = next(calls, operation);
    switch (schedule) {
      case 'first':
        return count === 1;
      case 'everyThird':
        return next(calls, method) % 3 === 0;
      case 'tenth':
      case 'half':
        return unit(`${seed} ${operation} ${count}`) < rates[schedule];
    }
  }

  return {
    counts,
    start: () => {
      active = true;
    },
    stop: () => {
      active = false;
    },
    decide: ({ port, method, subject = '', canBe }) => {
      if (!active || ports?.includes(port) === false) return undefined;
      const possible = kinds.filter(canBe);
      if (possible.length === 0) return undefined;
      const name = `${port}.${method}`;
      const operation = `${name}(${ordinal(subject)})`;
      const row = rows.get(operation) ?? 0;
      if (!isHit(name, operation) || row >= mostInARow) {
        rows.set(operation, 0);
        return undefined;
      }
      rows.set(operation, row + 1);
      const count = calls.get(operation) ?? 0;
      const kind = possible[Math.floor(unit(`${seed} kind ${operation} ${count}`) * possible.length)];
      if (kind === undefined) return undefined;
      next(counts, `${port} ${kind}`);
      return { kind, coin: unit(`${seed} coin ${operation} ${count}`) };
    },
  };
}

function next(counts: Map<string, number>, name: string): number {
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  return count;
}

/** A number in [0, 1) that the text decides (FNV-1a, then the finalizer of MurmurHash3; both in the public domain). */
function unit(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
