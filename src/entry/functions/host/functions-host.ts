import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/logger.ts';
import type { QueueAccess } from '../../../queues/azure-queue-client.ts';
import { answerCoreApi, type CoreApi, type InvocationRequest, type Registered } from './core-api.ts';
import { httpFront } from './http-front.ts';
import { queueTrigger } from './queue-trigger.ts';

export interface FunctionsHostOptions {
  /** Loads the app, which registers its functions. */
  load(): Promise<unknown>;
  /** 0 takes any that is free. */
  port: number;
  /** Of a queue by its name. */
  queueAccess(name: string): QueueAccess;
  /** Between two looks into an empty queue, in milliseconds. */
  pollMs?: number;
  /** What callers of functions of the level `function` must show; nobody is asked unless given. */
  key?: string;
  clock: Clock;
  logger: Logger;
}

export interface FunctionsHost {
  url: string;
  functions: readonly Registered['metadata'][];
  /** Carries out a timer function now. */
  runTimer(name: string): Promise<void>;
  close(): Promise<void>;
}

const hourMs = 3_600_000;
let api: CoreApi | undefined;

/**
 * The official programming model without its host: the code that the real worker runs, driven in this process by a small stand-in for the host. Loopback
 * only, one app in a process. Timers run once an hour, whatever their schedule says.
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const { clock, logger } = options;
  if (api !== undefined) throw new TypeError('this process has a Functions app already');
  const log = (level: string, _: string, message: string): void => {
    if (level === 'error' || level === 'critical') logger.error({}, message);
    else if (level === 'warning') logger.warn({}, message);
    else logger.debug({}, message);
  };
  const core = answerCoreApi(log);
  api = core;
  await options.load();
  const model = core.model();
  const { HttpUri: proxy = '' } = await model.getCapabilities({});

  async function invoke({ metadata, callback }: Registered, invocationId: string, request: InvocationRequest) {
    const invocation = model.getInvocationModel({ invocationId, request, metadata, log });
    const { context, inputs } = await invocation.getArguments();
    const result = await invocation.invokeFunction(context, inputs, callback);
    return invocation.getResponse(context, result);
  }

  const registered = [...core.functions.values()];
  const byTrigger = (type: string) =>
    registered.flatMap((each) =>
      Object.entries(each.metadata.bindings).flatMap(([name, binding]) =>
        binding.type === type ? [{ each, name, binding }] : [],
      ),
    );
  const http = byTrigger('httpTrigger');
  if (http.length === 0) throw new TypeError('the app has no HTTP function');
  // "localhost" may be an address that the proxy does not listen on.
  const proxyUrl = new URL(proxy);
  proxyUrl.hostname = '127.0.0.1';
  const front = await httpFront({
    port: options.port,
    proxy: proxyUrl,
    functions: http.map(({ each }) => each),
    key: options.key,
    invoke,
    onError: (error) => logger.error({ err: error }, 'the HTTP function failed'),
  });
  const queues = byTrigger('queueTrigger').map(({ each, name, binding: { queueName = '' } }) =>
    queueTrigger({
      queue: options.queueAccess(queueName),
      poison: options.queueAccess(`${queueName}-poison`),
      invoke: async (text) => {
        await invoke(each, randomUUID(), { inputData: [{ name, data: { string: text } }], triggerMetadata: {} });
      },
      pollMs: options.pollMs ?? 250,
      clock,
      logger,
    }),
  );

  async function runTimer(wanted: string): Promise<void> {
    const timer = byTrigger('timerTrigger').find(({ each }) => each.metadata.name === wanted);
    if (timer === undefined) throw new TypeError(`the app has no timer function ${wanted}`);
    const data = { json: JSON.stringify({ IsPastDue: false, Schedule: { AdjustForDST: true } }) };
    await invoke(timer.each, randomUUID(), { inputData: [{ name: timer.name, data }], triggerMetadata: {} });
  }

  let stopTimer = (): void => {};
  const timersLater = (): void => {
    stopTimer = clock.after(hourMs, () => {
      timersLater();
      for (const { each } of byTrigger('timerTrigger'))
        runTimer(each.metadata.name).catch((error: unknown) => logger.error({ err: error }, 'a timer function failed'));
    });
  };
  timersLater();

  return {
    url: front.url,
    functions: registered.map(({ metadata }) => metadata),
    runTimer,
    close: async () => {
      stopTimer();
      await Promise.all(queues.map((queue) => queue.close()));
      await front.close();
      for (const { name, callback } of core.hooks) if (name === 'appTerminate') await callback({});
    },
  };
}
