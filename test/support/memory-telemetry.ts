import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';

export interface MemoryTelemetry {
  /** Those that have ended. */
  spans(): ReadableSpan[];
  /** Collects now. A point as `{ name, attributes, value }`; of a histogram the value is that of the SDK. */
  points(): Promise<{ name: string; attributes: Record<string, unknown>; value: unknown }[]>;
  /** Forgets what there is, and leaves the API as without an SDK. */
  close(): Promise<void>;
}

/** An SDK for this process that keeps everything. Has to be there before what it is to see. */
export function memoryTelemetry(further: readonly SpanProcessor[] = []): MemoryTelemetry {
  const spanExporter = new InMemorySpanExporter();
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter), ...further] });
  const meters = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);
  return {
    spans: () => spanExporter.getFinishedSpans(),
    points: async () => {
      metricExporter.reset();
      await meters.forceFlush();
      const last = metricExporter.getMetrics().at(-1);
      return (last?.scopeMetrics ?? []).flatMap(({ metrics: each }) =>
        each.flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => ({ name: descriptor.name, attributes, value })),
        ),
      );
    },
    close: async () => {
      await tracers.shutdown();
      await meters.shutdown();
      trace.disable();
      metrics.disable();
      context.disable();
    },
  };
}
