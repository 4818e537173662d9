import { AzureMonitorMetricExporter, AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter';
import type { TelemetrySdkOptions } from './telemetry-sdk.ts';

type Exporters = Pick<TelemetrySdkOptions, 'spanExporters' | 'metricExporters'>;

/** To Application Insights. Nothing is kept on the disk for later: an instance of a function app has none to come back to. */
export function applicationInsightsExporters(connectionString: string): Exporters {
  const options = { connectionString, disableOfflineStorage: true };
  return {
    spanExporters: [new AzureMonitorTraceExporter(options)],
    metricExporters: [new AzureMonitorMetricExporter(options)],
  };
}
