import type { HarnessOptions, ServerHarness } from '../../http/support/server-harness.ts';
import { pushScript } from '../../http/support/server-harness.ts';

/** A server that has the secret which {@link pushDeploy} names. */
export const withSecrets: HarnessOptions = {
  decorate: (context) => ({ ...context, readSecret: () => Promise.resolve('from the server') }),
};

/** A task with a parameter of each kind. It prints two lines, with `gate` waiting between them until there is such a file. */
export async function pushDeploy({ client }: ServerHarness, gate?: string): Promise<void> {
  const wait = gate === undefined ? '' : `until [ -e '${gate}' ]; do sleep 0.05; done\n`;
  const script =
    `printf '\\033[32mdeploying\\033[0m %s to %s\\n' "$Service" "$Environment"\n${wait}` +
    'echo "done with $Replicas replicas"\n' +
    `printf '{"replicas": %s}' "$Replicas" > "$ERRAND_OUTPUT"\necho kept > "$ERRAND_OUTPUT_DIR/report.txt"`;
  await pushScript(client, 'Deploy', script, {
    description: 'Brings a service to an environment',
    scriptParameters: [
      {
        parameterName: 'Service',
        parameterType: 'string',
        required: true,
        pattern: '^[a-z][a-z0-9-]*$',
        maxLength: 40,
      },
      { parameterName: 'Environment', parameterType: 'string', required: true, enum: ['test', 'production'] },
      { parameterName: 'Replicas', parameterType: 'int', minimum: 1, maximum: 20, default: 2 },
      { parameterName: 'Migrate', parameterType: 'boolean', default: false },
      { parameterName: 'Settings', parameterType: 'json' },
      { parameterName: 'Token', parameterType: 'secret', required: true, minLength: 4 },
      { parameterName: 'Hook', parameterType: 'secret', valueFrom: 'env:ERRAND_SECRET_HOOK' },
    ],
  });
}

export const deployInputs = [
  { name: 'Service', value: 'shop' },
  { name: 'Environment', value: 'test' },
  { name: 'Token', value: 'hunter2' },
];

/** A task that runs until it is told to end. */
export async function pushSleeper({ client }: ServerHarness): Promise<void> {
  await pushScript(client, 'Sleeper', 'echo sleeping\nsleep 600 & wait $!', { timeouts: { graceSeconds: 1 } });
}
