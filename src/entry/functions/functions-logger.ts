import { AsyncLocalStorage } from 'node:async_hooks';
import type { InvocationContext } from '@azure/functions';
import { logFields } from '../../core/log-fields.ts';
import type { Logger } from '../../core/logger.ts';

export interface FunctionsLogger extends Logger {
  /** What is logged during `work` belongs to this invocation. */
  within<T>(context: InvocationContext, work: () => Promise<T>): Promise<T>;
}

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Logs by way of the invocation that is under way, so that the host knows which it was; else to standard error. One line of JSON each. */
export function functionsLogger(least: string): FunctionsLogger {
  const invocation = new AsyncLocalStorage<InvocationContext>();
  const from = Math.max(
    levels.findIndex((level) => level === least),
    0,
  );

  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (details: object, message: string): void => {
      if (levels.indexOf(level) < from) return;
      const line = JSON.stringify({ msg: message, ...logFields(), ...shown(details) });
      const context = invocation.getStore();
      if (context === undefined) process.stderr.write(`${line}\n`);
      else context[level](line);
    };

  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    within: (context, work) => invocation.run(context, work),
  };
}

/** Errors have nothing of their own that JSON would show. */
function shown(details: object): object {
  if (!('err' in details) || !(details.err instanceof Error)) return details;
  return { ...details, err: facts(details.err) };
}

function facts(error: Error): object {
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    stack,
    ...('code' in error ? { code: error.code } : {}),
    ...(cause instanceof Error ? { cause: { name: cause.name, message: cause.message } } : {}),
  };
}
