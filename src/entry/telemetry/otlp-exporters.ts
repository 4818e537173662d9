import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { TelemetryConfig } from './telemetry-config.ts';
import type { TelemetrySdkOptions } from './telemetry-sdk.ts';

type Exporters = Pick<TelemetrySdkOptions, 'spanExporters' | 'metricExporters'>;

/** By OTLP over HTTP, in protobuf. Where to and how, they read from OTEL_EXPORTER_OTLP_… themselves. */
export function otlpExporters({ otlp }: Pick<TelemetryConfig, 'otlp'>): Exporters {
  return {
    spanExporters: otlp.traces ? [new OTLPTraceExporter()] : [],
    metricExporters: otlp.metrics ? [new OTLPMetricExporter()] : [],
  };
}
