import type { AppOptions } from '../../../src/http/app-options.ts';
import type { RunnerDriver } from '../../../src/core/ports/runner-driver.ts';
import type { RunRequest } from '../../../src/contract/run-request.ts';
import { ErrandError } from '../../../src/contract/errors.ts';

/** Servers with one mistake each, which the fuzz and its judges have to notice. */
export type Variant =
  | 'prototypeLookup'
  | 'hostPatterns'
  | 'undocumentedField'
  | 'undocumentedStatus'
  | 'leakyError'
  | 'startsWhatItRefuses'
  | 'dies'
  | 'keepsPages';

export function broken(variant: Variant | undefined, options: AppOptions, driver: RunnerDriver): AppOptions {
  return variant === undefined ? options : variants[variant](options, driver);
}

const variants: Record<Variant, (options: AppOptions, driver: RunnerDriver) => AppOptions> = {
  /** A cache that is a plain object knows `constructor`. */
  prototypeLookup: (options) => {
    const { definitions } = options.orchestrator;
    const cache: Record<string, ReturnType<typeof definitions.load>> = {};
    return orchestrated(options, {
      definitions: {
        ...definitions,
        load: async (name, signal) => {
          const found = await (cache[name] ?? definitions.load(name, signal));
          if (found.definition.taskName !== name) throw new Error('the cache holds another task');
          return found;
        },
      },
    });
  },

  /** Values are held against a pattern by an engine that backtracks. */
  hostPatterns: (options) => {
    const hold = ({ parameters }: Pick<RunRequest, 'parameters'>): void => {
      for (const { value } of parameters) if (typeof value === 'string') /^(?:a+)+$/.test(value);
    };
    const { plan, accept } = options.orchestrator;
    return orchestrated(options, {
      plan: (request) => {
        hold(request);
        return plan(request);
      },
      accept: (request, asker) => {
        hold(request);
        return accept(request, asker);
      },
    });
  },

  /** Says a number where the document says text. */
  undocumentedField: (options) =>
    orchestrated(options, {
      view: async (run) => {
        const view = await options.orchestrator.view(run);
        return { ...view, requestedBy: view.version as unknown as string };
      },
    }),

  /** Answers with a status that the document does not have. */
  undocumentedStatus: (options) =>
    orchestrated(options, {
      cancel: () => Promise.reject(new ErrandError('preconditionFailed', 'this run may not be canceled just now')),
    }),

  /** Tells the caller what is for the log. */
  leakyError: (options) =>
    orchestrated(options, {
      plan: async (request) => {
        try {
          return await options.orchestrator.plan(request);
        } catch (error) {
          throw error instanceof ErrandError ? new ErrandError(error.code, error.stack ?? '') : error;
        }
      },
    }),

  /** Asks for a container before it has looked at the request. */
  startsWhatItRefuses: (options, driver) =>
    orchestrated(options, {
      accept: async (request: RunRequest, asker) => {
        try {
          return await options.orchestrator.accept(request, asker);
        } catch (error) {
          await driver.create(refusedSpec).catch(() => undefined);
          throw error;
        }
      },
    }),

  /** An error that nobody waits for, at parameters that the steady caller does not send. */
  dies: (options) =>
    orchestrated(options, {
      plan: (request) => {
        if (request.parameters.some(({ name }) => name !== 'Text'))
          setImmediate(() => {
            throw new Error('nobody waits for this');
          });
        return options.orchestrator.plan(request);
      },
    }),

  /** Of each page of runs something is kept for ever: 8 MB of the heap. */
  keepsPages: (options) => {
    const kept: unknown[] = [];
    return orchestrated(options, {
      list: (filter, page) => {
        kept.push(Array<number>(1_000_000).fill(0.5));
        return options.orchestrator.list(filter, page);
      },
    });
  },
};

function orchestrated(options: AppOptions, change: Partial<AppOptions['orchestrator']>): AppOptions {
  return { ...options, orchestrator: { ...options.orchestrator, ...change } };
}

const refusedSpec: Parameters<RunnerDriver['create']>[0] = {
  name: 'errand-refused-1',
  runId: '0'.repeat(26),
  attempt: 1,
  taskName: 'Held',
  place: 'local',
  instanceId: 'none',
  image: 'busybox',
  resources: { cpu: 1, memoryInGB: 1 },
  container: { readOnlyRoot: false, network: 'default', capabilities: [] },
  identity: undefined,
  access: { kind: 'directory', exchange: '/nonexistent', executable: '/nonexistent' },
  graceSeconds: 1,
};
