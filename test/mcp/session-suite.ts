import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { CallToolResult, Progress } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RunView } from '../../src/contract/run.ts';
import { waitSecondsMeta } from '../../src/mcp/tool-server.ts';
import { pushScript, serverHarness, type ServerHarness } from '../http/support/server-harness.ts';
import { textOf, type Connect, type Session } from './support/mcp-client.ts';

const patience = { timeout: 20_000, interval: 50 };
const text = (name: string, more: object = {}) => ({ parameterName: name, parameterType: 'string', ...more });
const secret = (name: string, more: object = {}) => ({ parameterName: name, parameterType: 'secret', ...more });
/** Runs until its gate is opened, and no longer than a test that could not open it. */
const gated = { scriptParameters: [text('Gate', { required: true })], timeouts: { runSeconds: 120 } };
const gateScript = 'echo begun; while [ ! -e "$Gate" ]; do sleep 0.05; done; echo done';

/** A session of the official client, from its beginning to its end. */
export function sessionSuite(over: string, connect: Connect): void {
  describe(`a session over ${over}`, () => {
    let harness: ServerHarness;
    let gates: string;
    let gateCount = 0;

    beforeAll(async () => {
      harness = await serverHarness();
      gates = await mkdtemp(join(tmpdir(), 'errand-gates-'));
      const push = (name: string, script: string, more: object) =>
        pushScript(harness.client, name, script, { ...more });
      await push(
        'Greet',
        'echo "hello $Name"; echo \'{"greeted":true}\' > "$ERRAND_OUTPUT"; echo x > "$ERRAND_OUTPUT_DIR/f"',
        {
          description: 'Greets somebody.',
          hints: { readOnly: true },
          scriptParameters: [
            text('Name', { required: true, maxLength: 10 }),
            { parameterName: 'Times', parameterType: 'int', minimum: 1, default: 1 },
            secret('Token'),
          ],
        },
      );
      await push('Deploy', 'exit 0', {
        hints: { destructive: true, idempotent: false },
        scriptParameters: [text('Version'), secret('Token', { required: true })],
      });
      await push('Own', 'exit 0', {
        scriptParameters: [secret('Token', { required: true, valueFrom: 'env:ERRAND_SECRET_OWN' })],
      });
      await push('Off', 'exit 0', { enabled: false });
      await push('get_run', 'echo a task by that name', {});
      await push('Fails', 'echo to no avail; exit 3', {});
      await push('Gated', gateScript, gated);
      await push('Careless', gateScript, { ...gated, hints: { idempotent: true } });
      await push('Alone', gateScript, { ...gated, concurrency: { limit: 1 } });
    });
    afterAll(async () => {
      await harness.dispose();
      await rm(gates, { recursive: true, force: true });
    });

    const gate = (): string => join(gates, String((gateCount += 1)));
    const factsOf = (result: CallToolResult) => result.structuredContent as Record<string, unknown>;
    const problemsOf = (result: CallToolResult) => {
      const { error } = factsOf(result) as { error: { code: string; problems?: { path: string; code: string }[] } };
      return [error.code, ...(error.problems ?? []).map(({ path, code }) => `${path} ${code}`)];
    };
    const lastRun = async (task: string): Promise<RunView | undefined> =>
      (await harness.client.list({ task, limit: 1 })).runs[0];
    const countRuns = async (): Promise<number> => (await harness.client.list({ limit: 200 })).runs.length;

    /** Starts a call, and resolves once its run is in this state; one that runs has begun to write by then, so that a signal finds its task. */
    async function started(session: Session, task: string, state: RunView['state']) {
      const path = gate();
      const stop = new AbortController();
      const call = session.call(task, { Gate: path }, { signal: stop.signal });
      const end = call.then(
        (result) => result,
        (error: unknown) => error,
      );
      let run: RunView | undefined;
      const isThere = async (): Promise<boolean> => {
        run = await lastRun(task);
        if (run?.parameters[0]?.value !== path || run.state !== state) return false;
        return state !== 'running' || (await (await harness.client.log(run.id)).text()).includes('begun');
      };
      await expect.poll(isThere, patience).toBe(true);
      if (run === undefined) throw new Error(`no run of ${task}`);
      return { id: run.id, end, stop: () => stop.abort('enough'), open: () => writeFile(path, '') };
    }

    let session: Session;
    beforeAll(async () => {
      session = await connect({ url: harness.url });
    });
    afterAll(() => session.close());

    test('every enabled task is a tool, and there are tools for runs', async () => {
      expect(session.client.getServerVersion()).toMatchObject({ name: 'errand', title: 'Errand' });
      const { tools } = await session.client.listTools();
      expect(tools.map(({ name }) => name).toSorted()).toEqual(
        ['Alone', 'Careless', 'Deploy', 'Fails', 'Gated', 'Greet', 'Own', '_get_run'].concat([
          'cancel_run',
          'get_run',
          'get_run_log',
          'list_runs',
          'wait_for_run',
        ]),
      );
      expect(tools.find(({ name }) => name === 'Greet')).toEqual({
        name: 'Greet',
        title: 'Greet',
        description: 'Greets somebody.',
        inputSchema: {
          type: 'object',
          properties: {
            Name: { type: 'string', maxLength: 10 },
            Times: expect.objectContaining({ type: 'integer', minimum: 1, default: 1 }),
          },
          required: ['Name'],
          additionalProperties: false,
        },
        annotations: { readOnlyHint: true },
      });
      expect(tools.find(({ name }) => name === 'Deploy')).toMatchObject({
        description: expect.stringMatching(/Cannot be called: the secret Token must come from elsewhere.*valueFrom/s),
        annotations: { destructiveHint: true, idempotentHint: false },
      });
      expect(JSON.stringify(tools.find(({ name }) => name === 'Own'))).not.toMatch(/Token|Cannot/);
    });

    test('a call starts a run, shows what happens, and answers with what came of it', async () => {
      const steps: Progress[] = [];
      session.logs.length = 0;
      const result = await session.call('Greet', { Name: 'World' }, { onprogress: (step) => steps.push(step) });
      const run = await lastRun('Greet');
      expect(result.isError).toBe(false);
      expect(textOf(result)).toContain('succeeded');
      expect(textOf(result)).toContain('hello World');
      expect(factsOf(result)).toMatchObject({
        id: run?.id,
        state: 'succeeded',
        exitCode: 0,
        output: { greeted: true },
        files: [{ name: 'f', bytes: 2 }],
        parameters: { Name: 'World', Times: '1' },
        requestedBy: 'local',
        logTail: 'hello World\n',
      });
      expect(run?.labels).toEqual({ via: 'mcp', 'mcp-request': expect.stringMatching(/^[a-f0-9]{32}$/) });
      expect(steps.length).toBeGreaterThan(0);
      expect(steps.map(({ progress }) => progress)).toEqual(steps.map((_step, index) => index + 1));
      expect(steps[0]?.message).toContain(`run ${run?.id}`);
      expect(session.logs.map((log) => log.text).join('')).toBe('hello World\n');
      expect(session.logs[0]).toMatchObject({ runId: run?.id, attempt: 1 });
      expect(session.errors).toEqual([]);
    });

    test('a task named like a tool for runs is called by its other name', async () => {
      expect(factsOf(await session.call('_get_run'))).toMatchObject({ taskName: 'get_run', state: 'succeeded' });
    });

    test('arguments that are not valid: all problems, and nothing is started', async () => {
      const before = await countRuns();
      const result = await session.call('Greet', { Nme: 'x', Times: 'many', Name: 'much too long' });
      expect(result.isError).toBe(true);
      expect(problemsOf(result)).toEqual([
        'invalidRequest',
        '/arguments/Nme unknownParameter',
        '/arguments/Name tooLong',
        '/arguments/Times wrongType',
      ]);
      for (const name of ['Nme', 'Times', 'Name']) expect(textOf(result)).toContain(`/arguments/${name}: `);
      expect(problemsOf(await session.call('Off'))).toEqual(['taskDisabled']);
      expect(problemsOf(await session.call('Absent'))).toEqual(['taskNotFound']);
      await expect(session.call('../Greet')).rejects.toThrow(/there is no tool/);
      expect(await countRuns()).toBe(before);
    });

    test('a run that fails is an error, and says how', async () => {
      const result = await session.call('Fails');
      expect(result.isError).toBe(true);
      expect(factsOf(result)).toMatchObject({ state: 'failed', exitCode: 3, logTail: 'to no avail\n' });
      expect(textOf(result)).toMatch(/did not succeed: failed, .*3/);
    });

    test('secrets are neither asked for nor taken: the answer says where they come from', async () => {
      const before = await countRuns();
      const missing = await session.call('Deploy', { Version: '2' });
      expect(problemsOf(missing)).toEqual(['invalidRequest', '/arguments required']);
      expect(textOf(missing)).toMatch(/Token.*"valueFrom"/);
      const value = 'hunter2-hunter2';
      const given = await session.call('Greet', { Name: 'x', Token: value });
      expect(problemsOf(given)).toEqual(['invalidRequest', '/arguments/Token notAllowed']);
      expect(JSON.stringify([missing, given])).not.toContain(value);
      // What else is wrong is told at once.
      expect(problemsOf(await session.call('Greet', { Nme: 'x', Token: value, Times: 0 }))).toEqual([
        'invalidRequest',
        '/arguments/Token notAllowed',
        '/arguments/Nme unknownParameter',
        '/arguments required',
        '/arguments/Times tooSmall',
      ]);
      expect(problemsOf(await session.call('Deploy', { Version: {} }))).toEqual([
        'invalidRequest',
        '/arguments required',
        '/arguments/Version wrongType',
      ]);
      expect(await countRuns()).toBe(before);
    });

    test('a call that has waited long enough says so, and the run is waited for by its id', async () => {
      const path = gate();
      const result = await session.call('Gated', { Gate: path }, { meta: { [waitSecondsMeta]: 1 } });
      const { id, state } = factsOf(result) as { id: string; state: string };
      expect([result.isError, ['queued', 'starting', 'running'].includes(state)]).toEqual([false, true]);
      expect(textOf(result)).toContain(`wait_for_run with {"id": "${id}"}`);
      expect(factsOf(await session.call('wait_for_run', { id, seconds: 1 }))).not.toHaveProperty('output');
      await writeFile(path, '');
      const ended = await session.call('wait_for_run', { id, seconds: 50 });
      expect(factsOf(ended)).toMatchObject({ id, state: 'succeeded', logTail: 'begun\ndone\n' });
      for (const asked of [0, 601, 1.5, 'long'])
        expect(problemsOf(await session.call('Greet', { Name: 'x' }, { meta: { [waitSecondsMeta]: asked } }))).toEqual([
          'invalidRequest',
          '/_meta/errand~1waitSeconds notAllowed',
        ]);
    });

    test('a canceled call cancels a run that does no harm half done', async () => {
      const { id, end, stop } = await started(session, 'Careless', 'running');
      stop();
      expect(await end).toBeInstanceOf(Error);
      expect(await harness.client.wait(id)).toMatchObject({ state: 'canceled', cancel: { by: 'local' } });
    });

    test('a canceled call leaves any other run that has begun alone', async () => {
      const { id, end, stop, open } = await started(session, 'Gated', 'running');
      stop();
      expect(await end).toBeInstanceOf(Error);
      // Whatever the cancellation does has been done after this.
      await sleep(500);
      expect(factsOf(await session.call('get_run', { id }))).toMatchObject({ state: 'running' });
      await open();
      const ended = await harness.client.wait(id);
      // A run that ended well although it was to be canceled has `cancel`.
      expect([ended.state, ended.cancel]).toEqual(['succeeded', undefined]);
    });

    test('a canceled call cancels a run that has not begun', async () => {
      const first = await started(session, 'Alone', 'running');
      const second = await started(session, 'Alone', 'queued');
      second.stop();
      expect(await harness.client.wait(second.id)).toMatchObject({ state: 'canceled' });
      await first.open();
      expect(factsOf((await first.end) as CallToolResult)).toMatchObject({ state: 'succeeded' });
    });

    test('runs can be looked at, read and canceled', async () => {
      const { id, open, end } = await started(session, 'Gated', 'running');
      expect(factsOf(await session.call('get_run', { id }))).toMatchObject({ id, taskName: 'Gated', state: 'running' });
      const listed = factsOf(await session.call('list_runs', { task: 'Gated', states: ['running'], limit: 1 }));
      expect(listed['runs']).toMatchObject([{ id }]);
      await expect
        .poll(async () => factsOf(await session.call('get_run_log', { id, offset: 2, bytes: 5 })), patience)
        .toEqual({ id, text: 'gun\n', offset: 2, nextOffset: 6, size: 6 });
      expect(factsOf(await session.call('get_run_log', { id, offset: 6 }))).toMatchObject({ text: '', nextOffset: 6 });
      expect(problemsOf(await session.call('get_run', { id: 'x', more: 1 }))).toEqual([
        'invalidRequest',
        '/arguments/id patternMismatch',
        '/arguments/more unknownField',
      ]);
      expect(problemsOf(await session.call('get_run', { id: '0'.repeat(26) }))).toEqual(['runNotFound']);
      expect((await session.call('cancel_run', { id })).isError).toBe(false);
      expect(factsOf((await end) as CallToolResult)).toMatchObject({ id, state: 'canceled' });
      await open();
    });

    test('log lines are left out where the client wants warnings only', async () => {
      await session.client.setLoggingLevel('warning');
      session.logs.length = 0;
      expect((await session.call('Greet', { Name: 'World' })).isError).toBe(false);
      expect(session.logs).toEqual([]);
      await session.client.setLoggingLevel('debug');
    });
  });
}
