import type { Plan } from '../../contract/run.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Style } from '../terminal/style.ts';
import { printable } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { bytesText } from '../terminal/time-text.ts';
import { amountText } from '../terminal/amount-text.ts';
import { connect } from './connect.ts';
import { givenLimits, limitOptions } from './given-limits.ts';
import { parameterOptions } from './given-parameters.ts';
import { makeRequest, start } from './run.ts';

export const planCommand = command({
  name: 'plan',
  about: 'Checks a request and shows what would be run: image, executable, values, limits. Starts nothing.',
  operands: '<Task>',
  count: { least: 1, most: 1 },
  options: { ...parameterOptions, ...limitOptions },
  examples: [
    { line: 'errand plan StopVM -p VMName=web1 -p ResourceGroupName=shop', about: 'What "errand run" would do' },
  ],
  run: async ({ values, positionals: [taskName = ''] }, io) => {
    const limits = givenLimits(values);
    const client = connect(io);
    const request = await makeRequest(taskName, values, client, io);
    const plan = await start(client, request, () => client.plan({ ...request.body, ...limits }));
    if (io.json) await io.record(plan);
    else await io.write(planText(plan, io.style));
    return exitCodes.done;
  },
});

function planText(plan: Plan, style: Style): string {
  const {
    taskName,
    image,
    executable,
    parameters,
    environment,
    timeouts,
    resources,
    platform,
    concurrency,
    cost,
    notes,
  } = plan;
  const facts = [
    ['image', image],
    ['executable', `${executable.name}  ${bytesText(executable.bytes)}  sha256 ${executable.sha256.slice(0, 12)}…`],
    ['platform', `${platform}, ${resources.cpu} CPU, ${resources.memoryInGB} GB`],
    [
      'limits',
      `${timeouts.runSeconds} s to run, ${timeouts.startSeconds} s to start, ${timeouts.queueSeconds} s to wait`,
    ],
    ...(cost === undefined
      ? []
      : [
          [
            'cost',
            `${amountText(cost.perMinute, cost)} a minute, at most ${amountText(cost.atMost, cost)}  ${style.dim(`list prices of ${cost.prices.asOf}`)}`,
          ],
        ]),
    ...(concurrency === undefined
      ? []
      : [
          [
            'concurrency',
            `${concurrency.held} of ${concurrency.limit} taken, ${concurrency.waiting} waiting  (${printable(concurrency.key)})`,
          ],
        ]),
    ...parameters.map(({ name, value, secret }) => [
      `  ${name}`,
      secret ? style.dim('(secret)') : printable(value ?? ''),
    ]),
    ...Object.entries(environment).map(([name, value]) => [
      `  ${name}`,
      `${printable(value)}  ${style.dim('fixed by the definition')}`,
    ]),
  ];
  const advice = notes.map((note) => `${style.yellow('note')}  ${printable(note)}\n`).join('');
  return `${style.bold(taskName)}\n${table(facts, { indent: '  ' })}${advice}${style.dim('Nothing was started.')}\n`;
}
