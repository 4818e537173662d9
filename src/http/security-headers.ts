import type { MiddlewareHandler } from 'hono';
import type { AppEnv } from './app-options.ts';

const headers: readonly (readonly [name: string, value: string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
];

/** Answers are data: no browser should run, frame, guess at or keep them. */
export const securityHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  secure(c.res.headers);
};

/** Sets what is not set yet. */
export function secure(given: Headers): void {
  for (const [name, value] of headers) if (!given.has(name)) given.set(name, value);
  if (!given.has('Cache-Control')) given.set('Cache-Control', 'no-store');
}
