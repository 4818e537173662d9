import { AsyncLocalStorage } from 'node:async_hooks';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

import { memoryTelemetry } from '../../support/memory-telemetry.ts';

/** Spans of several worlds in one process, kept apart; metrics are those of all of them. */
export interface LeakTelemetry {
  /** Whatever is traced by this work, however late, belongs to the world. */
  within<T>(world: string, work: () => Promise<T>): Promise<T>;
  /** All that the spans of a world carry, as text. */
  spansOf(world: string): string;
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export function leakTelemetry(): LeakTelemetry {
  const world = new AsyncLocalStorage<string>();
  const spans = new Map<string, string[]>();
  const note = ({ name, attributes, links, events, status }: ReadableSpan): void => {
    const of = world.getStore() ?? '';
    spans.set(of, [...(spans.get(of) ?? []), JSON.stringify({ name, attributes, links, events, status })]);
  };
  const memory = memoryTelemetry([
    { onStart: () => {}, onEnd: note, forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() },
  ]);
  return {
    within: (of, work) => world.run(of, work),
    spansOf: (of) => (spans.get(of) ?? []).join('\n'),
    metrics: async () => JSON.stringify(await memory.points()),
    close: memory.close,
  };
}
