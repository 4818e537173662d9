// Shows the whole Azure path on this machine: Azurite, real containers by way of the emulator, and the function app by way of the official programming model.
// Tasks are pushed, the original request is sent as it was published, and what Azure shows of a run is searched for secrets. Ends by itself.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { createClient, type Client } from '../src/client/client.ts';
import type { RunView } from '../src/contract/run.ts';
import { systemClock } from '../src/core/clock.ts';
import { silentLogger } from '../src/core/logger.ts';
import { readTask } from '../src/entry/commands/task-folder.ts';
import { runText } from '../src/entry/commands/run-text.ts';
import { serverConfig } from '../src/entry/config.ts';
import { startLocalAzure } from '../src/entry/local-azure/local-azure.ts';
import { amountText } from '../src/entry/terminal/amount-text.ts';
import { styleFor } from '../src/entry/terminal/style.ts';
import { dockerClient } from './docker-client.ts';
import { ensureDocker } from './docker-engine.ts';
import { buildImages } from './images.ts';

const log = (line: string): void => void process.stdout.write(`${line}\n`);
const style = styleFor(process.stdout, process.env, false);

/** As it was published: nothing added, nothing left out. */
const originalRequest = {
  taskName: 'StopVM',
  parameters: [
    { name: 'VMName', value: 'a3etest' },
    { name: 'ResourceGroupName', value: 'rg-a3e-test_resources-dev' },
  ],
};

/** What nobody who may look at container groups may see. */
const secrets = [/[?&]sig=/, /AccountKey/];

async function push(client: Client, file: string): Promise<void> {
  const { definition, document, executable } = await readTask(
    fileURLToPath(new URL(`../examples/${file}`, import.meta.url)),
  );
  const content = executable === undefined ? {} : { executable: new Blob([new Uint8Array(executable)]) };
  await client.push(definition.taskName, document, content);
  log(`pushed ${definition.taskName}: ${definition.scriptName} in ${definition.dockerImage}`);
}

/** The container group of a run as Resource Manager returns it, while it is there. */
async function groupOf(arm: string, subscription: string, resourceGroup: string, run: RunView): Promise<unknown> {
  const name = run.attempts[0]?.containerName ?? '';
  const path = `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerInstance/containerGroups/${name}`;
  const answer = await fetch(`${arm}${path}?api-version=2023-05-01`);
  if (!answer.ok) throw new Error(`Resource Manager answered ${answer.status} for ${name}`);
  return answer.json();
}

async function carryOut(client: Client, id: string): Promise<RunView> {
  for await (const { text } of client.logs(id)) process.stdout.write(text);
  const run = await client.wait(id);
  log('');
  process.stdout.write(runText(run, style));
  if (run.state !== 'succeeded') throw new Error(`${run.taskName} ${run.state}: ${run.message}`);
  if (run.cost === undefined) throw new Error('the run has no receipt');
  log(
    `\nReceipt: ${amountText(run.cost.amount, run.cost)} for ${run.cost.cpuSeconds} CPU-seconds and ${run.cost.gbSeconds} GB-seconds, list prices of ${run.cost.prices.asOf}`,
  );
  return run;
}

async function demo(dockerHost: string): Promise<void> {
  const environment = { ...process.env, DOCKER_HOST: dockerHost };
  const { docker } = serverConfig({ DOCKER_HOST: dockerHost }, { driver: 'docker' });
  log('\n# Azurite, the emulator of Container Instances, and the function app');
  const azure = await startLocalAzure({
    port: 0,
    engine: docker.connection,
    environment,
    clock: systemClock,
    logger: silentLogger,
  });
  // Interrupted, it clears up as at its end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void azure.close().finally(() => process.exit(130)));
  try {
    const { url, settings } = azure;
    const client = createClient({ url });
    log(`the API is at ${url}, Resource Manager at ${settings['ERRAND_ARM_ENDPOINT']}`);

    log('\n# The task of the published design, and one that counts words');
    await push(client, 'stop-vm/StopVM.json');
    await push(client, 'word-count/WordCount.json');
    const quoted = await client.plan(originalRequest);
    if (quoted.cost === undefined) throw new Error('the plan quotes no cost');
    log(
      `StopVM will cost ${amountText(quoted.cost.perMinute, quoted.cost)} a minute, and ${amountText(quoted.cost.atMost, quoted.cost)} at most`,
    );

    log(`\n# The original request\nPOST ${url}/api/runs\n${JSON.stringify(originalRequest)}`);
    const answer = await fetch(`${url}/api/runs`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(originalRequest),
    });
    const { id } = (await answer.json()) as RunView;
    log(`${answer.status} ${answer.statusText}, Location: ${answer.headers.get('location')}`);
    if (answer.status !== 202) throw new Error('the request was not accepted');

    log('\n# Its container group, as Azure shows it to whoever may look');
    let run = await client.get(id);
    for (let tries = 0; tries < 100 && run.attempts[0]?.createdAt === undefined; tries += 1) {
      await delay(50);
      run = await client.get(id);
    }
    const group = JSON.stringify(
      await groupOf(
        settings['ERRAND_ARM_ENDPOINT'] ?? '',
        settings['ERRAND_SUBSCRIPTION_ID'] ?? '',
        settings['ERRAND_RESOURCE_GROUP'] ?? '',
        run,
      ),
      null,
      2,
    );
    log(group);
    const shown = secrets.filter((secret) => secret.test(group));
    if (shown.length > 0) throw new Error(`the container group shows ${shown.join(', ')}`);
    log('(no signature and no key in it)');

    log('\n# Its log, and what came of it');
    await carryOut(client, id);

    log('\n# A task that reads text and leaves a result and a file');
    const counted = await client.run({
      taskName: 'WordCount',
      parameters: [{ name: 'Text', value: 'to be or not to be' }],
      maxCost: 0.02,
    });
    const ended = await carryOut(client, counted.id);
    for (const { name } of ended.files) log(`\n# ${name}\n${await (await client.output(ended.id, name)).text()}`);
  } finally {
    await azure.close();
  }
}

const engine = await ensureDocker({ log });
if (engine.kind === 'unavailable') {
  log(`This shows real containers, and there is no Docker engine: ${engine.reason}`);
  process.exitCode = 1;
} else {
  try {
    await buildImages(dockerClient(engine.dockerHost), { log });
    await demo(engine.dockerHost);
    log('\nThat was Errand as it is on Azure. docs/deploy.md goes on from here.');
  } catch (error) {
    log(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  } finally {
    await engine.stop();
  }
}

// Everything is closed; what the SDKs still hold open must not keep the demo from its end.
process.exit();
