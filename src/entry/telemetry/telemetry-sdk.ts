import { randomUUID } from 'node:crypto';
import { context, diag, DiagLogLevel, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { toldExport } from './told-export.ts';

export interface TelemetrySdkOptions {
  spanExporters: SpanExporter[];
  metricExporters: PushMetricExporter[];
  metricIntervalMs: number;
  metricTimeoutMs: number;
  /** Unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say another. */
  serviceName: string;
  version: string;
  clock: Clock;
  logger: Logger;
}

export interface Telemetry {
  /** Exports what there is, for at most `ms`. False where that failed, or was not done in time; never throws. */
  flush(of: 'spans' | 'all', ms: number): Promise<boolean>;
  /** Exports what is left, for at most `ms`, and takes no more. Never throws. */
  close(ms: number): Promise<void>;
}

/**
 * Registers an SDK: whatever asks the API for a tracer or a meter from now on gets a real one. Where another was registered before (a program that embeds this one, or
 * preloads its own), that one stays.
 */
export function startTelemetrySdk(options: TelemetrySdkOptions): Telemetry {
  const { clock, logger, spanExporters, metricExporters } = options;
  // Errors of exporters are told by those; what else the SDK has to say is for people who look closely.
  diag.setLogger(
    {
      error: (message) => logger.debug({}, message),
      warn: (message) => logger.debug({}, message),
      info: () => {},
      debug: () => {},
      verbose: () => {},
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': options.serviceName,
        'service.version': options.version,
        'service.instance.id': randomUUID(),
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
  const tracers = new BasicTracerProvider({
    resource,
    spanProcessors: spanExporters.map((exporter) => new BatchSpanProcessor(toldExport(exporter, 'spans', logger))),
  });
  const meters = new MeterProvider({
    resource,
    readers: metricExporters.map(
      (exporter) =>
        new PeriodicExportingMetricReader({
          exporter: toldExport(exporter, 'metrics', logger),
          exportIntervalMillis: options.metricIntervalMs,
          exportTimeoutMillis: options.metricTimeoutMs,
        }),
    ),
  });
  const registered = [
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()),
    ...(spanExporters.length === 0 ? [] : [trace.setGlobalTracerProvider(tracers)]),
    ...(metricExporters.length === 0 ? [] : [metrics.setGlobalMeterProvider(meters)]),
  ];
  if (registered.includes(false))
    logger.warn({}, 'another OpenTelemetry SDK is registered in this process; where there are two, that one is used');

  /** Whether all of it was done in time. Why not, the exporters tell. */
  async function within(ms: number, work: (() => Promise<void>)[]): Promise<boolean> {
    const all = Promise.allSettled(work.map((each) => each())).then((done) =>
      done.every(({ status }) => status === 'fulfilled'),
    );
    let cancel = (): void => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.after(ms, () => {
        logger.debug({ ms }, 'what was left of telemetry could not be exported in time');
        resolve(false);
      });
    });
    const inTime = await Promise.race([all, late]);
    cancel();
    return inTime;
  }

  return {
    flush: (of, ms) => within(ms, [() => tracers.forceFlush(), ...(of === 'all' ? [() => meters.forceFlush()] : [])]),
    close: async (ms) => {
      await within(ms, [() => tracers.shutdown(), () => meters.shutdown()]);
      trace.disable();
      metrics.disable();
      context.disable();
      diag.disable();
    },
  };
}
