import type { WebhookFormat } from '../contract/webhook.ts';
import { fromInstant } from './clock.ts';
import type { EndedRun } from './run-record.ts';
import { toView } from './view.ts';

/** What is posted about the end of a run: JSON. The values of secret parameters are in no record, so they are in none of these. */
export function webhookBody(format: WebhookFormat, run: EndedRun): string {
  switch (format) {
    case 'standard':
      return JSON.stringify({ type: 'run.ended', timestamp: run.endedAt, data: runData(run) });
    case 'original':
      return JSON.stringify({ TaskStatus: run.state === 'succeeded' });
    case 'slack':
      return JSON.stringify(slackMessage(run));
    case 'teams':
      return JSON.stringify(teamsMessage(run));
  }
}

/** The run as the API shows it, without what would change from one attempt to the next and what only concerns the task. */
function runData(run: EndedRun): object {
  const { definition: _, webhooks: __, version: ___, stale: ____, ...shown } = toView(run);
  return shown;
}

const icons = { succeeded: '✅', failed: '❌', timedOut: '⏱️', canceled: '🚫', expired: '⌛', lost: '❓' } as const;
const longestMessage = 500;

function headline({ taskName, state }: EndedRun): string {
  return `${icons[state]} ${taskName} ${state === 'timedOut' ? 'timed out' : state}`;
}

function facts(run: EndedRun): [name: string, value: string][] {
  const seconds = Math.round((fromInstant(run.endedAt) - fromInstant(run.createdAt)) / 1000);
  return [
    ['Run', run.id],
    ['Asked by', run.requestedBy],
    ['Took', `${seconds} s`],
    ...(run.exitCode === undefined ? [] : ([['Exit code', String(run.exitCode)]] as [string, string][])),
    ...Object.entries(run.labels).map(([name, value]): [string, string] => [name, value]),
  ];
}

/** Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, and for what is escaped https://docs.slack.dev/messaging/formatting-message-text */
function slackMessage(run: EndedRun): object {
  const escaped = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const about = facts(run).map(([name, value]) => `${name}: ${value}`);
  const lines = [headline(run), run.message.slice(0, longestMessage), about.join(' · ')];
  return { text: lines.map(escaped).join('\n') };
}

/** An adaptive card. Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using */
function teamsMessage(run: EndedRun): object {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      { type: 'TextBlock', text: headline(run), weight: 'Bolder', size: 'Medium', wrap: true },
      { type: 'TextBlock', text: run.message.slice(0, longestMessage), wrap: true },
      { type: 'FactSet', facts: facts(run).map(([title, value]) => ({ title, value })) },
    ],
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}
