import { z } from 'zod';
import type { WebhookRules } from '../core/webhook-target.ts';

const host = String.raw`(?:\*\.)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?`;
const hosts = z
  .string()
  .regex(
    new RegExp(`^ *${host}(?: *, *${host})* *$`),
    'must be hosts, separated by commas: example.com,*.example.org:8443',
  );

/** The variables that say where webhooks may be sent to; the server and the function app have the same. */
export const webhookVariables = {
  ERRAND_WEBHOOK_HOSTS: hosts.optional(),
  ERRAND_WEBHOOK_ALLOW_INTERNAL: hosts.optional(),
};

export function webhookRules({
  ERRAND_WEBHOOK_HOSTS: only,
  ERRAND_WEBHOOK_ALLOW_INTERNAL: internal = '',
}: {
  ERRAND_WEBHOOK_HOSTS?: string | undefined;
  ERRAND_WEBHOOK_ALLOW_INTERNAL?: string | undefined;
}): WebhookRules {
  return { ...(only === undefined ? {} : { hosts: listed(only) }), internal: listed(internal) };
}

function listed(text: string): string[] {
  return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
}
