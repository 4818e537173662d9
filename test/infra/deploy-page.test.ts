import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readInfra } from './support/infra.ts';
import type { roleIds } from './support/roles.ts';

const page = readFileSync('docs/deploy.md', 'utf8');

test('names every setting of a deployment with its default', () => {
  const { parameters }: { parameters: Record<string, { value: string }> } = JSON.parse(
    readFileSync('infra/main.parameters.json', 'utf8'),
  );
  const settings = Object.values(parameters).flatMap(({ value }) => {
    const [, name, initial] = /^\$\{(ERRAND_\w+)(?:=(.*))?\}$/.exec(value) ?? [];
    return name === undefined ? [] : [{ name, initial }];
  });
  expect(settings.length).toBeGreaterThan(10);
  const rows = new Map(
    [...page.matchAll(/^\| `(ERRAND_\w+)` +\| (.*?) +\|/gm)].map(([, name = '', initial = '']) => [name, initial]),
  );
  expect([...rows.keys()].toSorted()).toEqual(settings.map(({ name }) => name).toSorted());
  for (const { name, initial } of settings)
    if (initial !== undefined && initial !== '') expect(rows.get(name)).toBe(`\`${initial}\``);
});

test('names every role', () => {
  const names: Readonly<Record<keyof typeof roleIds, string>> = {
    storageBlobDataOwner: 'Storage Blob Data Owner',
    storageBlobDelegator: 'Storage Blob Delegator',
    storageQueueDataContributor: 'Storage Queue Data Contributor',
    storageQueueDataMessageSender: 'Storage Queue Data Message Sender',
    storageTableDataContributor: 'Storage Table Data Contributor',
    azureContainerInstancesContributor: 'Azure Container Instances Contributor Role',
    acrPull: 'AcrPull',
    managedIdentityOperator: 'Managed Identity Operator',
    networkContributor: 'Network Contributor',
  };
  const rows = [...page.matchAll(/^\| (?:function|event|task) +\| (.*?) +\|/gm)].map(([, role = '']) => role);
  expect(rows.toSorted()).toEqual(Object.values(names).toSorted());
});

test('uses only outputs that a deployment has', async () => {
  const outputs = new Set((await readInfra()).get('infra/main.bicep')?.outputs.keys());
  const used = new Set([...page.matchAll(/"\$((?:AZURE|ERRAND)_\w+)"/g)].map(([, name = '']) => name));
  expect(used.size).toBeGreaterThan(3);
  expect([...used].filter((name) => !outputs.has(name))).toEqual([]);
});

test('calculates right', () => {
  const perSecond = 0.0000135 + 0.0000015;
  const container = 80 * perSecond;
  const app = 8 * 2 * 0.000026;
  const blobs = (60 * 0.05) / 10_000;
  for (const amount of [container, app, blobs]) expect(page).toContain(`| ${amount.toFixed(5)} `);
  expect(page).toContain(`**about ${(container + app + blobs).toFixed(4)}**`);
  expect(page).toContain(`A thousand of them a month: ${((container + blobs) * 1_000).toFixed(2)}`);
  expect(page).toContain(`or ${(2 * 0.000026 * 3_600).toFixed(2)} an hour`);
  expect(page).toContain(`| ${((263_000 * 0.004) / 10_000).toFixed(2)} `);
});
