import type { Hono } from 'hono';

import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger, type Logger } from '../../../src/core/logger.ts';
import type { Orchestrator } from '../../../src/core/orchestrator.ts';
import { createApp } from '../../../src/http/app.ts';
import type { AppEnv, AppOptions } from '../../../src/http/app-options.ts';

/** What a test wants of the parts behind the app; anything else that is touched fails. */
export interface Parts {
  orchestrator?: Partial<Orchestrator>;
  artifacts?: Partial<AppOptions['artifacts']>;
  storage?: AppOptions['storage'];
  logger?: Logger;
}

/** The app alone, over parts of which a test says what they do. */
export function appOf(parts: Parts = {}, options: Partial<AppOptions> = {}): Hono<AppEnv> {
  const definitions = untouchable<Orchestrator['definitions']>('definitions', {});
  return createApp({
    orchestrator: untouchable('orchestrator', {
      definitions,
      schedules: untouchable<Orchestrator['schedules']>('schedules', { onFiring: () => undefined }),
      onEnd: () => undefined,
      onDelivery: () => undefined,
      ...parts.orchestrator,
    }),
    artifacts: untouchable('artifacts', parts.artifacts ?? {}),
    storage: parts.storage ?? { countOpen: () => Promise.resolve({}) },
    clock: systemClock,
    logger: parts.logger ?? silentLogger,
    version: '1.2.3',
    ...options,
  });
}

function untouchable<T extends object>(name: string, has: Partial<T>): T {
  return new Proxy(has, {
    get: (target, key) => {
      if (key in target) return Reflect.get(target, key) as unknown;
      throw new Error(`${name}.${String(key)} was touched`);
    },
  }) as T;
}
