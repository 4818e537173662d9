import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { packageVersion } from '../package-root.ts';
import type { TelemetryConfig } from './telemetry-config.ts';
import type { Telemetry } from './telemetry-sdk.ts';

export interface TelemetryOptions {
  serviceName: string;
  clock: Clock;
  logger: Logger;
}

/**
 * Loads what the configuration asks for, and registers it. Without a configuration nothing is loaded. Has to be called before anything is composed: meters are asked for only
 * once. Where it cannot be started, the log says why, and runs go on without it.
 */
export async function startTelemetry(
  config: TelemetryConfig | undefined,
  options: TelemetryOptions,
): Promise<Telemetry | undefined> {
  if (config === undefined) return undefined;
  try {
    return await start(config, options);
  } catch (error) {
    options.logger.error({ err: error }, 'telemetry could not be started, and nothing is exported');
    return undefined;
  }
}

async function start(config: TelemetryConfig, options: TelemetryOptions): Promise<Telemetry> {
  const { otlp, applicationInsights, unknownProtocol, metricIntervalMs, metricTimeoutMs } = config;
  if (unknownProtocol !== undefined)
    options.logger.warn(
      { protocol: unknownProtocol },
      'OTLP goes over http/protobuf here, whatever OTEL_EXPORTER_OTLP_PROTOCOL says: give the address that takes it, mostly with port 4318',
    );
  const { startTelemetrySdk } = await import('./telemetry-sdk.ts');
  const none = { spanExporters: [], metricExporters: [] };
  const byOtlp = otlp.traces || otlp.metrics ? (await import('./otlp-exporters.ts')).otlpExporters({ otlp }) : none;
  const toAzure =
    applicationInsights === undefined
      ? none
      : (await import('./application-insights-exporters.ts')).applicationInsightsExporters(applicationInsights);
  return startTelemetrySdk({
    ...options,
    version: packageVersion(),
    metricIntervalMs,
    metricTimeoutMs,
    spanExporters: [...byOtlp.spanExporters, ...toAzure.spanExporters],
    metricExporters: [...byOtlp.metricExporters, ...toAzure.metricExporters],
  });
}
