import { registerHooks } from 'node:module';

/** A value on its way between host and worker, in one of its forms. */
export interface TypedData {
  string?: string;
  json?: string;
  http?: object;
}

export interface InvocationRequest {
  inputData: { name: string; data: TypedData }[];
  triggerMetadata: Record<string, TypedData>;
}

export interface FunctionMetadata {
  name: string;
  bindings: Record<
    string,
    { type?: string; authLevel?: string; route?: string; queueName?: string; schedule?: string }
  >;
}

export interface CoreInvocation {
  invocationId: string;
  request: InvocationRequest;
  metadata: FunctionMetadata;
  state?: string;
  log(level: string, category: string, message: string): void;
}

type Callback = (...input: unknown[]) => unknown;

/** What the programming model gives to whoever drives it: https://github.com/Azure/azure-functions-nodejs-worker, types-core. */
export interface ProgrammingModel {
  getCapabilities(capabilities: Record<string, string>): Promise<Record<string, string>>;
  getInvocationModel(invocation: CoreInvocation): {
    getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
    invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>;
    getResponse(context: unknown, result: unknown): Promise<unknown>;
  };
}

export interface Registered {
  metadata: FunctionMetadata;
  callback: Callback;
}

export interface CoreApi {
  functions: Map<string, Registered>;
  hooks: { name: string; callback: (context: object) => unknown }[];
  model(): ProgrammingModel;
}

const specifier = '@azure/functions-core';
const url = 'errand:functions-core';
const place = Symbol.for('errand.functions-core');

/**
 * Answers `require('@azure/functions-core')`, which only the worker of the Functions host can be asked for, with what the worker gives. The programming
 * model then registers its functions here. Once in a process, and before `@azure/functions` is loaded.
 */
export function answerCoreApi(log: CoreInvocation['log']): CoreApi {
  const functions = new Map<string, Registered>();
  const hooks: CoreApi['hooks'] = [];
  let model: ProgrammingModel | undefined;
  const undo = (): { dispose(): void } => ({ dispose: () => {} });
  const answer = {
    version: '3.12.0',
    hostVersion: '4.1045.0',
    Disposable: undo,
    log,
    setProgrammingModel: (given: ProgrammingModel) => {
      model = given;
    },
    getProgrammingModel: () => model,
    registerHook: (name: string, callback: CoreApi['hooks'][number]['callback']) => {
      hooks.push({ name, callback });
      return undo();
    },
    registerFunction: (metadata: FunctionMetadata, callback: Callback) => {
      functions.set(metadata.name, { metadata, callback });
      return undo();
    },
  };
  Object.assign(globalThis, { [place]: answer });
  registerHooks({
    resolve: (asked, context, next) =>
      asked === specifier ? { url, format: 'commonjs', shortCircuit: true } : next(asked, context),
    load: (asked, context, next) =>
      asked === url
        ? {
            format: 'commonjs',
            source: `module.exports = globalThis[Symbol.for(${JSON.stringify(place.description)})];`,
            shortCircuit: true,
          }
        : next(asked, context),
  });
  return {
    functions,
    hooks,
    model: () => {
      if (model === undefined) throw new TypeError('no function was registered by way of @azure/functions');
      return model;
    },
  };
}
