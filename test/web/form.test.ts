import { expect, test } from 'vitest';

import { pushScript } from '../http/support/server-harness.ts';
import { inBrowser } from './support/in-browser.ts';
import { deployInputs, pushDeploy, withSecrets } from './support/tasks.ts';

/** A task is run by the form that its parameters make. */
inBrowser('the form of a task', (on) => {
  test('says at the field what is wrong, plans, and runs', async () => {
    const server = await on().serve(withSecrets);
    await pushDeploy(server);
    const { page } = await on().look(`${server.url}/tasks`);
    await page.getByRole('link', { name: 'Deploy' }).click();
    await page.getByRole('heading', { name: 'Deploy', level: 1 }).waitFor();
    const field = (name: string) => page.getByLabel(name, { exact: false }).first();

    // Kinds of fields, each as its parameter wants it.
    expect(await field('Token').getAttribute('type')).toBe('password');
    expect(await field('Environment').locator('option').allTextContents()).toEqual(['Choose…', 'test', 'production']);
    expect(await field('Migrate').locator('option').allTextContents()).toEqual(['false (default)', 'true', 'false']);
    expect(await field('Replicas').getAttribute('placeholder')).toBe('2');
    expect(await page.locator('textarea[name=Settings]').count()).toBe(1);
    await page.getByText('Comes from the variable ERRAND_SECRET_HOOK of the server').waitFor();

    await field('Service').fill('Not A Name');
    await field('Replicas').fill('50');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText('Service must match the pattern').waitFor();
    await page.getByText('Replicas must be at most 20').waitFor();
    await page.getByText('Environment is missing').waitFor();
    await page.getByText('Token is missing').waitFor();
    expect(await field('Service').getAttribute('aria-invalid')).toBe('true');
    // Whoever cannot see it is taken to the first of them.
    await expect.poll(() => page.evaluate('document.activeElement.name'), { timeout: 20_000 }).toBe('Service');
    expect((await server.client.list()).runs).toEqual([]);

    await field('Service').fill('shop');
    await field('Environment').selectOption('test');
    await field('Replicas').fill('3');
    await field('Token').fill('hunter2');
    await page.getByRole('button', { name: 'Plan' }).click();
    const plan = page.getByRole('region', { name: 'Plan' });
    await plan.getByText('Deploy.sh').waitFor();
    const text = (await plan.innerText()).replaceAll(/\s+/g, ' ');
    const { executable } = await server.client.task('Deploy');
    for (const part of [
      'busybox',
      executable?.sha256 ?? '',
      'Replicas 3',
      'Token secret',
      'runs 1 h',
      'starts at once',
    ])
      expect(text).toContain(part);
    expect(await page.getByText('must match the pattern').count()).toBe(0);
    expect((await server.client.list()).runs).toEqual([]);

    await page.getByRole('button', { name: 'Run' }).click();
    await page.waitForURL(/\/runs\/[0-9a-z]{26}$/);
    await page.getByText('done with 3 replicas').waitFor();
    const { runs } = await server.client.list();
    expect(runs).toHaveLength(1);
    expect(runs[0]?.parameters).toContainEqual({ name: 'Replicas', value: '3', secret: false });
    expect(await page.content()).not.toContain('hunter2');
  });

  test('begins with the inputs of an earlier run, and sends what was changed', async () => {
    const server = await on().serve(withSecrets);
    await pushDeploy(server);
    const { client, url } = server;
    const first = await client.run({ taskName: 'Deploy', parameters: deployInputs, labels: { team: 'web' } });
    await client.wait(first.id);
    const { page } = await on().look(`${url}/runs/${first.id}`);
    await page.getByRole('link', { name: 'Edit and run again…' }).click();
    await page.getByRole('heading', { name: 'Rerun Deploy' }).waitFor();
    expect(await page.getByLabel('Service').inputValue()).toBe('shop');
    // Nobody can read it again.
    expect(await page.getByLabel('Token').inputValue()).toBe('');
    await page.getByLabel('Service').fill('warehouse');
    await page.getByLabel('Token').fill('hunter3');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.waitForURL((address) => address.pathname.startsWith('/runs/') && !address.pathname.endsWith(first.id));
    await page.getByRole('link', { name: first.id.slice(-8) }).waitFor();
    const { runs } = await client.list();
    expect(runs).toHaveLength(2);
    expect(runs[0]).toMatchObject({ rerunOf: first.id, labels: { team: 'web' } });
    expect(runs[0]?.parameters).toContainEqual({ name: 'Service', value: 'warehouse', secret: false });
  });

  test('leaves out what was emptied, though the earlier run had it', async () => {
    const server = await on().serve(withSecrets);
    await pushDeploy(server);
    const { client, url } = server;
    const parameters = [...deployInputs, { name: 'Settings', value: '{"a": 1}' }];
    const first = await client.run({ taskName: 'Deploy', parameters });
    await client.wait(first.id);
    const { page } = await on().look(`${url}/tasks/Deploy?rerun=${first.id}`);
    await page.getByLabel('Settings').fill('');
    await page.getByLabel('Token').fill('hunter3');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.waitForURL((address) => address.pathname.startsWith('/runs/'));
    const [latest] = (await client.list()).runs;
    expect(latest?.parameters.map(({ name }) => name)).not.toContain('Settings');
  });

  test('a plan that is asked for is of now, though nothing in the form has changed', async () => {
    const server = await on().serve();
    const limited = { concurrency: { limit: 1 }, timeouts: { graceSeconds: 1 } };
    await pushScript(server.client, 'Single', 'sleep 600 & wait $!', limited);
    const { page } = await on().look(`${server.url}/tasks/Single`);
    const plan = page.getByRole('region', { name: 'Plan' });
    await plan.getByText('0 of 1 under way').waitFor();
    const { id } = await server.client.run({ taskName: 'Single' });
    await page.getByRole('button', { name: 'Plan' }).click();
    await plan.getByText('1 of 1 under way').waitFor();
    await server.client.cancel(id);
  });

  test('pressed twice it is one run', async () => {
    const server = await on().serve(withSecrets);
    await pushDeploy(server);
    const { page } = await on().look(`${server.url}/tasks/Deploy`);
    await page.getByLabel('Service').fill('shop');
    await page.getByLabel('Environment').selectOption('test');
    await page.getByLabel('Token').fill('hunter2');
    await page.getByRole('button', { name: 'Run' }).dblclick();
    await page.waitForURL((address) => address.pathname.startsWith('/runs/'));
    expect((await server.client.list()).runs).toHaveLength(1);
  });
});
