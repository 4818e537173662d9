import { ErrandError, type ErrorCode } from '../../../src/contract/errors.ts';
import type { Context } from '../../../src/core/context.ts';
import { NoCapacity } from '../../../src/core/ports/runner-driver.ts';
import type { WorkQueue } from '../../../src/core/ports/work-queue.ts';
import { pause } from '../../crash/support/processes.ts';
import { portFaults } from './fault-table.ts';
import type { Fault, FaultKind, Injector } from './injector.ts';
import { formerAnswers, type FormerAnswers } from './former-answers.ts';

export interface FaultyPortsOptions {
  injector: Injector;
  /** How long a port stays silent before it gives up by itself, in milliseconds. */
  silenceMs: number;
  /**
   * `earlier`: a stale read is an answer that an earlier call got, where there is another one. `late`: it is true when it is made, and arrives when others
   * have gone on; for tests whose clients read what they have just written.
   */
  stale: 'earlier' | 'late';
}

/** How each port reports an outage. */
const outages: Readonly<Record<string, ErrorCode>> = {
  storage: 'storageUnavailable',
  artifacts: 'artifactsUnavailable',
  exchange: 'artifactsUnavailable',
  queue: 'storageUnavailable',
  driver: 'platformUnavailable',
};

/** Puts faults between the core and every port. What a port may do is in {@link portFaults}; each does it in the words of its contract. */
export function withFaultyPorts(context: Context, options: FaultyPortsOptions): Context {
  const { artifacts, queue } = context;
  return {
    ...context,
    storage: faulty('storage', context.storage, options),
    artifacts: faulty(
      'artifacts',
      {
        ...artifacts,
        versions: faulty('artifacts', artifacts.versions, options),
        exchange: (ref) => faulty('exchange', artifacts.exchange(ref), options, ref.runId),
      },
      options,
    ),
    queue: faulty('queue', withDeliveries(queue, options), options),
    driver: faulty('driver', context.driver, options),
  };
}

type Method = (...given: readonly unknown[]) => unknown;

function faulty<T extends object>(port: string, target: T, options: FaultyPortsOptions, about?: string): T {
  const former = formerAnswers(port);
  const methods = new Map<string, Method>();
  return new Proxy(target, {
    get: (object, key) => {
      const value: unknown = Reflect.get(object, key);
      const kinds = typeof key === 'string' ? portFaults[port]?.[key] : undefined;
      if (typeof value !== 'function' || typeof key !== 'string' || kinds === undefined) return value;
      const known = methods.get(key);
      if (known !== undefined) return known;
      const call = (given: readonly unknown[]): unknown => Reflect.apply(value, object, given);
      const made: Method = (...given) => {
        const subject = about ?? subjectOf(port, given);
        const seen = kinds.includes('staleRead') ? `${key} ${JSON.stringify(given, withoutSignal)}` : key;
        const fault = options.injector.decide({
          port,
          method: key,
          subject,
          canBe: (kind) => kinds.includes(kind),
        });
        const one: OneCall = { port, method: key, seen, given, former, call: () => call(given), options };
        return isIterable(port, key) ? items(one, fault) : settled(one, fault);
      };
      methods.set(key, made);
      return made;
    },
  });
}

/** What lists or watches fails while it is read. `storage.listRuns` answers with a page. */
function isIterable(port: string, method: string): boolean {
  return method === 'list' || method === 'watch' || (method === 'listRuns' && port === 'artifacts');
}

function withoutSignal(name: string, value: unknown): unknown {
  return name === 'signal' ? undefined : value;
}

interface OneCall {
  port: string;
  method: string;
  /** The call with what it was given: the same again may be answered with a former answer. */
  seen: string;
  given: readonly unknown[];
  former: FormerAnswers<unknown>;
  call: () => unknown;
  options: FaultyPortsOptions;
}

async function settled(one: OneCall, fault: Fault | undefined): Promise<unknown> {
  const { former, seen } = one;
  const plainly = async (): Promise<unknown> => {
    const answer = await one.call();
    if (seen !== one.method) former.note(seen, answer);
    return answer;
  };
  if (fault === undefined) return plainly();
  switch (fault.kind) {
    case 'failBefore':
    case 'unavailable':
      throw outage(one, fault.kind);
    case 'throttled':
      throw throttled(one);
    case 'doneButFailed':
      await plainly();
      throw outage(one, fault.kind);
    case 'reset':
      if (isDone(fault)) await plainly();
      throw outage(one, fault.kind);
    case 'silence':
      if (isDone(fault)) await plainly();
      await silence(one);
      throw outage(one, fault.kind);
    case 'duplicate': {
      // At the same time, or one after the other.
      const first = one.call();
      if (isDone(fault)) await first;
      const [, second] = await Promise.all([first, one.call()]);
      return second;
    }
    case 'staleRead': {
      // An answer from before, or one that arrives when others have gone on.
      if (one.options.stale === 'earlier' && former.has(seen)) return former.take(seen, fault.coin);
      const answer = await plainly();
      await pause(100 + fault.coin * 300);
      return answer;
    }
    case 'halfOpen':
      throw new TypeError('a port has no connection that could be half open');
  }
}

async function* items(one: OneCall, fault: Fault | undefined): AsyncGenerator<unknown, void, undefined> {
  const { former, seen, method } = one;
  if (fault?.kind === 'throttled') throw throttled(one);
  if (fault?.kind === 'failBefore' || fault?.kind === 'unavailable') throw outage(one, fault.kind);
  if (fault?.kind === 'silence' && method !== 'watch') {
    await silence(one);
    throw outage(one, fault.kind);
  }
  if (fault?.kind === 'staleRead' && one.options.stale === 'earlier' && former.has(seen)) {
    yield* former.take(seen, fault.coin) as unknown[];
    return;
  }
  const all: unknown[] = [];
  let count = 0;
  for await (const item of one.call() as AsyncIterable<unknown>) {
    count += 1;
    if (method === 'watch' && fault?.kind === 'silence' && count % 2 === 1) continue;
    yield item;
    if (fault?.kind === 'duplicate') yield item;
    if (fault?.kind === 'reset') throw outage(one, fault.kind);
    if (method !== 'watch') all.push(item);
  }
  if (fault?.kind === 'doneButFailed' || fault?.kind === 'reset') throw outage(one, fault.kind);
  if (fault?.kind === 'staleRead') await pause(100 + fault.coin * 300);
  if (method !== 'watch') former.note(seen, all);
}

/** Wake-ups on their way to the handler: late, twice, or given back since who had them failed. */
function withDeliveries(queue: WorkQueue, { injector, silenceMs }: FaultyPortsOptions): WorkQueue {
  return {
    ...queue,
    consume: (handler) =>
      queue.consume(async (wakeUp, options) => {
        const fault = injector.decide({
          port: 'queue',
          method: 'deliver',
          subject: wakeUp.runId,
          canBe: (kind) => portFaults['queue']?.['deliver']?.includes(kind) === true,
        });
        const failure = new Error('the wake-up was given back');
        if (fault?.kind === 'failBefore') throw failure;
        if (fault?.kind === 'silence') await pause(silenceMs);
        if (fault?.kind === 'duplicate') await Promise.all([handler(wakeUp, options), handler(wakeUp, options)]);
        else await handler(wakeUp, options);
        if (fault?.kind === 'doneButFailed') throw failure;
      }),
  };
}

function isDone({ coin }: Fault): boolean {
  return coin < 0.5;
}

/** Until the caller gives up, or the port does. */
async function silence({ given, options }: OneCall): Promise<void> {
  const signal = given.find(hasSignal)?.signal;
  signal?.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([pause(options.silenceMs), promise]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

const causes: Readonly<Partial<Record<FaultKind, string>>> = {
  reset: 'read ECONNRESET',
  silence: 'no answer came in time',
  unavailable: '503 Service Unavailable',
};

function outage({ port, method }: OneCall, kind: FaultKind): ErrandError {
  return new ErrandError(outages[port] ?? 'internal', `${port}.${method} failed, as it was told to (${kind})`, {
    cause: Object.assign(new Error(causes[kind] ?? kind), kind === 'reset' ? { code: 'ECONNRESET' } : {}),
    ...(kind === 'unavailable' ? { retryAfterSeconds: 1 } : {}),
  });
}

/** Each port in its own words: storage is busy, a platform has no room for a new runner. */
function throttled(one: OneCall): Error {
  const { port, method } = one;
  const cause = new Error('429 Too Many Requests');
  const message = `${port}.${method} was asked too often, as it was told to say`;
  if (port === 'driver' && method === 'create') return new NoCapacity(message, { retryAfterMs: 500, cause });
  const code = port === 'storage' ? 'storageBusy' : (outages[port] ?? 'internal');
  return new ErrandError(code, message, { cause, retryAfterSeconds: 1 });
}

function hasSignal(value: unknown): value is { signal?: AbortSignal | undefined } {
  return typeof value === 'object' && value !== null && 'signal' in value;
}

/** The run, slot or file that a call is about; of a container's name what all attempts of a run have in common. */
function subjectOf(port: string, [first]: readonly unknown[]): string {
  if (typeof first === 'string') return port === 'driver' ? first.replace(/-\d+$/, '') : first;
  if (typeof first !== 'object' || first === null) return '';
  if (port === 'driver' && 'name' in first) return String(first.name).replace(/-\d+$/, '');
  for (const field of ['id', 'runId', 'holder', 'key']) if (field in first) return String(Reflect.get(first, field));
  return '';
}
