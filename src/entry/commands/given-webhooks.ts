import type { RunRequestBody } from '../../contract/run-request.ts';
import { webhookFormats, type WebhookFormat } from '../../contract/webhook.ts';
import type { Io } from '../terminal/io.ts';
import { didYouMean } from '../terminal/suggest.ts';
import { UsageError } from '../terminal/usage-error.ts';

/** How `run` and `rerun` are told who wants to hear of the end. */
export const webhookOptions = {
  webhook: { type: 'string', multiple: true, value: 'url', about: 'Where its end is told; again for each' },
  'webhook-format': {
    type: 'string',
    value: webhookFormats.join('|'),
    about: 'What is told there; standard (the default) is signed',
  },
  'webhook-secret-env': {
    type: 'string',
    value: 'VARIABLE',
    about: 'What it is signed with, whsec_…, from a variable of this environment',
  },
} as const;

export interface WebhookValues {
  webhook: string[];
  'webhook-format': string | undefined;
  'webhook-secret-env': string | undefined;
}

export function givenWebhooks(values: WebhookValues, io: Pick<Io, 'environment'>): Pick<RunRequestBody, 'webhook'> {
  const { webhook: urls, 'webhook-format': format, 'webhook-secret-env': variable } = values;
  if (urls.length === 0) {
    if (format !== undefined || variable !== undefined)
      throw new UsageError('Where is its end to be told? Write --webhook https://…, too.');
    return {};
  }
  const shared = {
    ...(format === undefined ? {} : { format: knownFormat(format) }),
    ...(variable === undefined ? {} : { secret: secretFrom(variable, io) }),
  };
  return { webhook: urls.map((url) => ({ url, ...shared })) };
}

function knownFormat(text: string): WebhookFormat {
  const found = webhookFormats.find((format) => format === text);
  if (found !== undefined) return found;
  const meant = didYouMean(text, webhookFormats);
  throw new UsageError(
    `There is no format ${text}${meant === '' ? `: they are ${webhookFormats.join(', ')}.` : meant}`,
  );
}

function secretFrom(variable: string, { environment }: Pick<Io, 'environment'>): string {
  const secret = environment[variable];
  if (secret !== undefined && secret !== '') return secret;
  throw new UsageError(
    `--webhook-secret-env ${variable}: there is no variable ${variable} here. Export it (printf "whsec_%s" "$(openssl rand -base64 32)"), or name another one.`,
  );
}
