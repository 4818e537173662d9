import type { Environment } from '../config.ts';
import type { Finding, Level, Step } from '../doctor/finding.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { printable } from '../terminal/style.ts';
import { UsageError } from '../terminal/usage-error.ts';

const drivers = ['docker', 'process', 'auto'] as const;
const failedCode = 1;
const stepMs = 20_000;

export const doctorCommand = command({
  name: 'doctor',
  about: 'Looks at everything that a server needs, step by step, and says how to mend what is wrong. Changes nothing.',
  options: {
    azure: {
      type: 'boolean',
      about: 'What runs on Azure needs; so without this option where settings of Azure are set',
    },
    driver: {
      type: 'string',
      value: drivers.join('|'),
      about: 'Otherwise $ERRAND_DRIVER, otherwise docker, as for "errand serve"',
    },
    'data-dir': { type: 'string', value: 'path', about: 'Otherwise $ERRAND_DATA_DIR, otherwise .errand' },
  },
  examples: [
    { line: 'errand doctor', about: 'With the variables, and as the user, that the server is started with' },
    { line: 'errand doctor --azure', about: 'Storage, queue, identities and quotas of the function app' },
  ],
  more: 'Exit codes: 0 nothing failed (there may be warnings), 1 something failed.',
  run: async ({ values }, io) => {
    const { examine } = await import('../doctor/examine.ts');
    const set: Environment = {
      ...io.environment,
      ...(values.driver === undefined ? {} : { ERRAND_DRIVER: checkedDriver(values.driver) }),
      ...(values['data-dir'] === undefined ? {} : { ERRAND_DATA_DIR: values['data-dir'] }),
    };
    const { hasAzureSettings } = await import('../doctor/azure-settings-set.ts');
    const onAzure = values.azure || (values['data-dir'] === undefined && hasAzureSettings(set));
    const { steps, close } = onAzure ? await azure(set, io) : await local(set, io);
    const counts: Record<Level, number> = { ok: 0, warn: 0, fail: 0 };
    try {
      for await (const finding of examine(steps, { clock: io.clock, stepMs })) {
        counts[finding.level] += 1;
        await tell(finding, io);
      }
    } finally {
      await close();
    }
    if (io.json) await io.record({ type: 'summary', ...counts });
    else await io.line(`\n${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} failed`);
    return counts.fail === 0 ? exitCodes.done : failedCode;
  },
});

interface Plan {
  steps: readonly Step[];
  close(): Promise<void>;
}

async function local(set: Environment, io: Io): Promise<Plan> {
  const { serverConfig } = await import('../config.ts');
  const { configurationStep, unreadable } = await import('../doctor/configuration-step.ts');
  let config;
  try {
    config = serverConfig(set, { driver: 'docker' });
  } catch (error) {
    return { steps: [unreadable(error)], close: async () => {} };
  }
  const { localSteps } = await import('../doctor/local-steps.ts');
  const { host, port } = config;
  const reached = /^(?:0\.0\.0\.0|::)$/.test(host) ? '127.0.0.1' : host;
  const own = port === 0 ? undefined : `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
  return {
    steps: [
      configurationStep(`every variable is valid; tasks run by ${config.driver}, data in ${config.dataDirectory}`),
      ...localSteps(config, { clock: io.clock, secretKeyFile: set['ERRAND_SECRET_KEY_FILE'] || undefined }),
      ...(await server(set, io, own)),
    ],
    close: async () => {},
  };
}

async function azure(set: Environment, io: Io): Promise<Plan> {
  const { azurePlan } = await import('../doctor/azure-plan.ts');
  const { steps, close } = await azurePlan(set, io.clock);
  return { steps: [...steps, ...(await server(set, io, undefined))], close };
}

/** The server that somebody has named, else the one that this configuration starts. */
async function server(set: Environment, io: Io, own: string | undefined): Promise<Step[]> {
  const { clientConfig } = await import('../config.ts');
  const { serverStep } = await import('../doctor/server-step.ts');
  const { url, apiKey } = clientConfig(set);
  const named = io.url ?? ((set['ERRAND_URL'] ?? '') === '' ? undefined : url);
  const asked = named ?? own;
  return asked === undefined ? [] : [serverStep({ url: asked, apiKey, named: named !== undefined, clock: io.clock })];
}

async function tell({ level, step, what, mend }: Finding, io: Io): Promise<void> {
  if (io.json) return io.record({ type: 'check', level, step, what, ...(mend === undefined ? {} : { mend }) });
  const paint = { ok: io.style.green, warn: io.style.yellow, fail: io.style.red }[level];
  const gap = ' '.repeat(level.length < 4 ? 4 - level.length : 0);
  await io.line(`${paint(level)}${gap}  ${io.style.bold(step)}: ${printable(what)}`);
  if (mend !== undefined) await io.line(`      ${io.style.cyan('→')} ${printable(mend)}`);
}

function checkedDriver(text: string): string {
  const found = drivers.find((driver) => driver === text);
  if (found !== undefined) return found;
  throw new UsageError(`There is no driver ${text}: write --driver ${drivers.join(', --driver ')}.`);
}
