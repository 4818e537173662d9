import type { Client } from '../../client/client.ts';
import type { RunRequestBody } from '../../contract/run-request.ts';
import type { TaskParameter } from '../../contract/task-definition.ts';
import { splitPair } from '../terminal/arguments.ts';
import { command } from '../terminal/command.ts';
import { HintedError } from '../terminal/hinted-error.ts';
import type { Io } from '../terminal/io.ts';
import { connect, hasCode, readDefinition, withTaskNames } from './connect.ts';
import { givenLimits, limitOptions } from './given-limits.ts';
import {
  askForSecrets,
  givenParameters,
  missingHints,
  parameterOptions,
  unknownHints,
  type ParameterValues,
} from './given-parameters.ts';
import { givenWebhooks, webhookOptions } from './given-webhooks.ts';
import { checkStay, exitCodeSection, goOn, stayOptions } from './started-run.ts';

export const runCommand = command({
  name: 'run',
  about:
    'Runs a task. Secrets are asked for on a terminal, or come from a variable or a file; never from the command line.',
  operands: '<Task>',
  count: { least: 1, most: 1 },
  options: {
    ...parameterOptions,
    label: { type: 'string', multiple: true, value: 'name=value', about: 'To find the run by; again for each' },
    ...limitOptions,
    ...webhookOptions,
    'idempotency-key': {
      type: 'string',
      value: 'key',
      about: 'Under one key a request is one run, however often it is sent',
    },
    ...stayOptions,
  },
  examples: [
    { line: 'errand run Hello -p Name=World --follow', about: 'See what it writes' },
    { line: 'errand run StopVM --param-file vm.json --wait', about: 'Parameters from a file' },
    {
      line: 'errand run Deploy --secret-env Token=DEPLOY_TOKEN --label ticket=42',
      about: 'A secret from $DEPLOY_TOKEN',
    },
    { line: 'errand run Report --json | jq -r .id', about: 'For programs' },
  ],
  more: exitCodeSection,
  run: async ({ values, positionals: [taskName = ''] }, io) => {
    checkStay(values);
    const wishes = {
      labels: Object.fromEntries(values.label.map((text) => splitPair(text, '--label', 'name=value'))),
      ...givenLimits(values),
      ...givenWebhooks(values, io),
    };
    // Only now is the server asked, or a person for secrets: a command line that is wrong itself is refused before.
    const client = connect(io);
    const request = await makeRequest(taskName, values, client, io);
    const run = await start(client, request, () =>
      client.run(
        { ...request.body, ...wishes },
        values['idempotency-key'] === undefined ? {} : { idempotencyKey: values['idempotency-key'] },
      ),
    );
    return goOn(run, values, client, io);
  },
});

/** What is asked of a task, and what is known of it. */
export interface MadeRequest {
  body: RunRequestBody & { parameters: NonNullable<RunRequestBody['parameters']> };
  declared: readonly TaskParameter[] | undefined;
}

/** Collects the values; asks for secrets where somebody is there to be asked. */
export async function makeRequest(
  taskName: string,
  values: ParameterValues,
  client: Client,
  io: Io,
): Promise<MadeRequest> {
  const declared = await declaredParameters(client, taskName);
  const given = await givenParameters(values, declared, io);
  const missing = (declared ?? [])
    .filter(
      ({ parameterType, required, valueFrom }) => parameterType === 'secret' && required && valueFrom === undefined,
    )
    .map(({ parameterName }) => parameterName)
    .filter((name) => !given.some((each) => each.name === name));
  return { body: { taskName, parameters: [...given, ...(await askForSecrets(missing, io))] }, declared };
}

/** The parameters of a task; undefined where the key may not read its definition. */
export async function declaredParameters(client: Client, taskName: string): Promise<TaskParameter[] | undefined> {
  return (await readDefinition(client, taskName))?.scriptParameters?.map(withDefaults);
}

/** Sends a request; where it is refused, says what to write instead. */
export async function start<T>(client: Client, { body, declared }: MadeRequest, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!hasCode(error, 'invalidRequest') || declared === undefined)
      throw await withTaskNames(client, body.taskName, error);
    throw new HintedError(error, [
      ...missingHints(body.parameters, declared),
      ...unknownHints(body.parameters, declared),
    ]);
  }
}

function withDefaults(parameter: Omit<TaskParameter, 'required'> & { required?: boolean | undefined }): TaskParameter {
  return { ...parameter, required: parameter.required ?? false };
}
