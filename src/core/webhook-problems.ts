import type { Problem } from '../contract/errors.ts';
import type { RunRequest } from '../contract/run-request.ts';
import type { TaskDefinition } from '../contract/task-definition.ts';
import type { Webhook } from '../contract/webhook.ts';
import { pointer } from './problems.ts';
import { targetProblem, type WebhookRules } from './webhook-target.ts';

/** Those of a request: `webhook`, and the original's `callbackUri`. With their places, for problems. */
export function requestWebhooks({ webhook, callbackUri }: RunRequest): { path: string; webhook: Webhook }[] {
  const several = Array.isArray(webhook);
  const listed = webhook === undefined ? [] : several ? webhook : [webhook];
  return [
    ...listed.map((each, index) => ({ path: several ? pointer(['webhook', index]) : '/webhook', webhook: each })),
    ...(callbackUri === undefined
      ? []
      : [{ path: '/callbackUri', webhook: { url: callbackUri, format: 'original' as const } }]),
  ];
}

export function webhookProblems(request: RunRequest, rules: WebhookRules): Problem[] {
  return requestWebhooks(request).flatMap(({ path, webhook: { url, format, secret } }): Problem[] => {
    const why = targetProblem(url, rules);
    const place = path === '/callbackUri' ? path : `${path}/url`;
    return [
      ...(why === undefined
        ? []
        : [{ path: place, code: 'notAllowed' as const, message: `no webhook may be sent to this address: ${why}` }]),
      ...(format === 'standard' && secret === undefined
        ? [
            {
              path: `${path}/secret`,
              code: 'required' as const,
              message:
                'a webhook of the format standard is signed: give it a secret, whsec_ and 24 to 64 random bytes in base64 (printf "whsec_%s" "$(openssl rand -base64 32)"), or take another format',
            },
          ]
        : []),
    ];
  });
}

/** Of the webhooks of a definition, what can be told without knowing where it is used: whether an address may be called is seen when it is. */
export function taskWebhookProblems({ webhooks }: TaskDefinition): Problem[] {
  return webhooks.flatMap(({ url, urlFrom, format, secretFrom }, index): Problem[] => {
    const at = (field: string) => pointer(['webhooks', index, field]);
    const problems: Problem[] = [];
    if ((url === undefined) === (urlFrom === undefined))
      problems.push({
        path: at('url'),
        code: url === undefined ? 'required' : 'inconsistent',
        message: 'a webhook has either a url, or urlFrom where the address is a secret',
      });
    if (url !== undefined && !isWebAddress(url))
      problems.push({
        path: at('url'),
        code: 'patternMismatch',
        message: 'no webhook may be sent to this address: write https://host/path',
      });
    if (format === 'standard' && secretFrom === undefined)
      problems.push({
        path: at('secretFrom'),
        code: 'required',
        message:
          'a webhook of the format standard is signed: name its secret, "env:ERRAND_SECRET_…" or "file:…", or take another format',
      });
    return problems;
  });
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
