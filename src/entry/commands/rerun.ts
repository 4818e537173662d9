import { splitPair } from '../terminal/arguments.ts';
import { command } from '../terminal/command.ts';
import { connect, findRunId } from './connect.ts';
import { askForSecrets, givenParameters, parameterOptions } from './given-parameters.ts';
import { start } from './run.ts';
import { givenWebhooks, webhookOptions } from './given-webhooks.ts';
import { checkStay, exitCodeSection, goOn, stayOptions } from './started-run.ts';

export const rerunCommand = command({
  name: 'rerun',
  about:
    'Runs the task of an earlier run again, with its values but for those given. Secrets are not kept, so they are asked for again.',
  operands: '<id>',
  count: { least: 1, most: 1 },
  options: {
    ...parameterOptions,
    label: {
      type: 'string',
      multiple: true,
      value: 'name=value',
      about: "Instead of the earlier run's labels; again for each",
    },
    'same-version': { type: 'boolean', about: 'Definition and executable as they were then; otherwise those of now' },
    ...webhookOptions,
    'idempotency-key': {
      type: 'string',
      value: 'key',
      about: 'Under one key a request is one run, however often it is sent',
    },
    ...stayOptions,
  },
  examples: [
    { line: 'errand rerun last --follow', about: 'The latest run, once more' },
    { line: 'errand rerun last -p Name=You', about: 'With another value' },
    { line: 'errand rerun last --same-version', about: 'The task as it was, whatever was pushed since' },
  ],
  more: exitCodeSection,
  run: async ({ values, positionals: [given = ''] }, io) => {
    checkStay(values);
    const webhooks = givenWebhooks(values, io);
    const labels = values.label.map((text) => splitPair(text, '--label', 'name=value'));
    const client = connect(io);
    const earlier = await client.get(await findRunId(client, given));
    // The definition as it was then: the server checks against the one of now.
    const declared = earlier.definition.scriptParameters;
    const parameters = await givenParameters(values, declared, io);
    const secrets = earlier.parameters
      .filter(({ secret }) => secret)
      .map(({ name }) => name)
      .filter((name) => declared.every((each) => each.parameterName !== name || each.valueFrom === undefined))
      .filter((name) => !parameters.some((each) => each.name === name));
    parameters.push(...(await askForSecrets(secrets, io)));

    const kept = earlier.parameters.flatMap(({ name, value }) => (value === undefined ? [] : [{ name, value }]));
    const body = { taskName: earlier.taskName, parameters: [...kept, ...parameters] };
    const run = await start(client, { body, declared }, () =>
      client.rerun(
        earlier.id,
        {
          parameters,
          ...webhooks,
          version: values['same-version'] ? 'same' : 'latest',
          ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }),
        },
        values['idempotency-key'] === undefined ? {} : { idempotencyKey: values['idempotency-key'] },
      ),
    );
    return goOn(run, values, client, io);
  },
});
