import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { attempt } from './exchange.ts';
import { removePaths, shells } from './shells.ts';

afterAll(removePaths);

const mebibyte = 1024 * 1024;

describe.concurrent.each(shells())('under $name', (shell) => {
  test('without secret values every byte arrives as it was', () =>
    attempt(
      shell,
      {
        script: String.raw`i=0; while [ $i -lt 256 ]; do printf "\\$(printf %03o $i)"; i=$((i+1)); done; printf 'no newline'`,
      },
      (exchange, ended) => {
        const bytes = Buffer.concat([
          Buffer.from(Array.from({ length: 256 }, (_, value) => value)),
          Buffer.from('no newline'),
        ]);
        expect(exchange.read('log')).toEqual(bytes);
        expect(ended.stdout).toEqual(bytes);
        expect(exchange.result().log).toEqual({ bytes: 266, lines: 2, droppedBytes: 0, complete: true });
      },
    ));

  test('stdout and stderr are one stream, in the order of writing', () =>
    attempt(shell, { script: 'for i in 1 2 3 4 5 6 7 8 9; do echo "out $i"; echo "err $i" >&2; done' }, (exchange) => {
      const lines = Array.from({ length: 9 }, (_, index) => [`out ${index + 1}`, `err ${index + 1}`]).flat();
      expect(exchange.read('log').toString()).toBe(`${lines.join('\n')}\n`);
    }));

  test('at the cap the log ends with a mark at once, and the task goes on unhindered', () =>
    attempt(
      shell,
      {
        script: 'head -c 3000000 /dev/zero; echo; sleep 1.5; echo later; exit 9',
        ticket: { ERRAND_LOG_MAX_BYTES: String(mebibyte) },
      },
      (exchange, ended) => {
        const log = exchange.read('log');
        const mark = `\n[errand: log truncated after ${mebibyte} bytes]\n`;
        expect(log.subarray(0, mebibyte).every((byte) => byte === 0)).toBe(true);
        expect(log.subarray(mebibyte).toString()).toBe(mark);
        expect(ended.stdout).toEqual(log);
        expect(exchange.result()).toMatchObject({
          exitCode: 9,
          log: { bytes: mebibyte + mark.length, lines: 2, droppedBytes: 3_000_007 - mebibyte, complete: true },
        });
      },
      async (running) => {
        await running.printed('[errand: log truncated');
        expect(running.child.exitCode).toBeNull();
      },
    ));

  test('a cap that is no multiple of a block is rounded down, and never exceeded', () =>
    attempt(shell, { script: 'yes | head -n 4000', ticket: { ERRAND_LOG_MAX_BYTES: '5000' } }, (exchange) => {
      const { log } = exchange.result();
      const stored = Number(/truncated after (\d+) bytes/.exec(exchange.read('log').toString())?.[1]);
      expect(stored).toBeGreaterThan(3900);
      expect(stored).toBeLessThanOrEqual(5000);
      expect(log.droppedBytes).toBe(8000 - stored);
    }));

  test('exactly the cap is no truncation', () =>
    attempt(shell, { script: 'yes | head -n 2048', ticket: { ERRAND_LOG_MAX_BYTES: '4096' } }, (exchange) => {
      expect(exchange.read('log').toString()).toBe('y\n'.repeat(2048));
      expect(exchange.result().log).toEqual({ bytes: 4096, lines: 2048, droppedBytes: 0, complete: true });
    }));

  test('256 MiB pass while 1 MiB is kept', () =>
    attempt(
      shell,
      { script: `head -c ${256 * mebibyte} /dev/zero`, ticket: { ERRAND_LOG_MAX_BYTES: String(mebibyte) } },
      (exchange) => {
        expect(exchange.result().log.droppedBytes).toBe(255 * mebibyte);
        expect(exchange.result().durationMs.run).toBeLessThan(20_000);
      },
    ));

  test.each([{ secrets: [] }, { secrets: ['Token'] }])(
    'a line is seen while the task runs (secret values: $secrets)',
    ({ secrets }) =>
      attempt(
        shell,
        {
          script: 'echo first; while [ ! -e "$ERRAND_OUTPUT" ]; do sleep 0.1; done; echo second',
          secrets,
          environment: { Token: 'sesame' },
        },
        (exchange) => expect(exchange.read('log').toString()).toBe('first\nsecond\n'),
        async (running, exchange) => {
          await running.printed('first');
          expect(exchange.read('log').toString()).toBe('first\n');
          await sleep(50);
          const { writeFileSync } = await import('node:fs');
          writeFileSync(`${exchange.directory}/output.json`, '{}');
        },
      ),
  );

  test('what a process substitution is still writing when the script ends is not cut off', () =>
    attempt(
      shell,
      { script: '#!/bin/bash\nexec > >(while read -r line; do sleep 0.3; echo "<$line>"; done)\necho one; echo two' },
      (exchange) => expect(exchange.read('log').toString()).toBe('<one>\n<two>\n'),
    ));

  test('a stdout that nobody reads does not keep the task from running, nor its result from being left', () =>
    attempt(
      shell,
      { script: 'head -c 2000000 /dev/zero; exit 4' },
      (exchange) => expect(exchange.result()).toMatchObject({ exitCode: 4, log: { bytes: 2_000_000, complete: true } }),
      async (running, exchange) => {
        running.child.stdout?.pause();
        while (!exchange.has('result.json')) await sleep(100);
        running.child.stdout?.resume();
      },
    ));
});
