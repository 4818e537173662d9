import { z } from 'zod';
import { ErrandError } from '../../contract/errors.ts';
import type { Environment } from '../config.ts';

/**
 * What is exported. Addresses, headers, time-outs, sampling and resource are not in here: the packages of OpenTelemetry read those variables themselves, as they do everywhere.
 * Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export interface TelemetryConfig {
  otlp: { traces: boolean; metrics: boolean };
  /** A protocol that somebody has asked for and we do not speak. */
  unknownProtocol: string | undefined;
  /** Connection string. */
  applicationInsights: string | undefined;
  /** Between two exports of metrics, and how long one may take, in milliseconds. */
  metricIntervalMs: number;
  metricTimeoutMs: number;
}

const milliseconds = (otherwise: number) =>
  z
    .string()
    .regex(/^[0-9]{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(1))
    .default(otherwise);

/** Made when it is needed: mostly it is not, and a cold start pays for each schema. */
const variables = () =>
  z.object({
    OTEL_SDK_DISABLED: z.string().default('false'),
    OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.url().optional(),
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: z.url().optional(),
    OTEL_EXPORTER_OTLP_PROTOCOL: z.string().optional(),
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: z.string().optional(),
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: z.string().optional(),
    OTEL_TRACES_EXPORTER: z.string().default('otlp'),
    OTEL_METRICS_EXPORTER: z.string().default('otlp'),
    OTEL_METRIC_EXPORT_INTERVAL: milliseconds(60_000),
    OTEL_METRIC_EXPORT_TIMEOUT: milliseconds(30_000),
    APPLICATIONINSIGHTS_CONNECTION_STRING: z.string().optional(),
  });

/** Without any of these nothing is exported. */
const deciding = /^(?:OTEL_EXPORTER_OTLP_(?:TRACES_|METRICS_)?ENDPOINT|APPLICATIONINSIGHTS_CONNECTION_STRING)$/;

const spoken = 'http/protobuf';

/**
 * Undefined where nothing is exported. Application Insights is for the function app alone: `applicationInsights` says whether its variable counts. Throws
 * `invalidConfiguration` for an address that is none.
 */
export function telemetryConfig(
  from: Environment,
  options: { applicationInsights: boolean },
): TelemetryConfig | undefined {
  const set = Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined && value !== ''));
  if (!Object.keys(set).some((name) => deciding.test(name))) return undefined;
  const parsed = variables().safeParse(set);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new ErrandError(
      'invalidConfiguration',
      `these variables of telemetry are not valid: ${wrong}. docs/telemetry.md lists them all`,
    );
  }
  const { data } = parsed;
  if (data.OTEL_SDK_DISABLED.toLowerCase() === 'true') return undefined;
  const general = data.OTEL_EXPORTER_OTLP_ENDPOINT;
  const otlp = {
    traces: isOtlp(data.OTEL_TRACES_EXPORTER) && (data.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? general) !== undefined,
    metrics: isOtlp(data.OTEL_METRICS_EXPORTER) && (data.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT ?? general) !== undefined,
  };
  const applicationInsights = options.applicationInsights ? data.APPLICATIONINSIGHTS_CONNECTION_STRING : undefined;
  if (!otlp.traces && !otlp.metrics && applicationInsights === undefined) return undefined;
  const asked = [
    ...(otlp.traces ? [data.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? data.OTEL_EXPORTER_OTLP_PROTOCOL] : []),
    ...(otlp.metrics ? [data.OTEL_EXPORTER_OTLP_METRICS_PROTOCOL ?? data.OTEL_EXPORTER_OTLP_PROTOCOL] : []),
  ];
  return {
    otlp,
    unknownProtocol: asked.find((protocol) => protocol !== undefined && protocol !== spoken),
    applicationInsights,
    metricIntervalMs: data.OTEL_METRIC_EXPORT_INTERVAL,
    metricTimeoutMs: Math.min(data.OTEL_METRIC_EXPORT_TIMEOUT, data.OTEL_METRIC_EXPORT_INTERVAL),
  };
}

/** Several may be asked for, separated by commas. */
function isOtlp(exporters: string): boolean {
  return exporters.split(',').some((each) => each.trim() === 'otlp');
}
