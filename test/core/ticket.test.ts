import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExchangePlan } from '../../src/core/ports/artifact-store.ts';
import { mountedExecutable, ticketText } from '../../src/core/ticket.ts';

const attempt = { runId: '01jzzzzzzzzzzzzzzzzzzzzzzz', attempt: 2 };

function plan(environment: Record<string, string>, changes: Partial<ExchangePlan> = {}): ExchangePlan {
  return {
    taskName: 'StopVM',
    executable: { name: 'stop-vm.sh', sha256: 'ab'.repeat(32), etag: 'e', kept: 'k' },
    view: 'mounted',
    runSeconds: 3600,
    graceSeconds: 30,
    logMaxBytes: 67_108_864,
    waitForIdentity: false,
    allowUnfenced: false,
    environment,
    secretNames: [],
    ...changes,
  };
}

/** What a shell makes of a ticket: the variables of these names, each ended by a NUL character. */
function evaluated(shell: readonly string[], ticket: string, names: readonly string[]): string[] {
  const [program = '', ...options] = shell;
  const print = names.map((name) => `printf '%s\\0' "\${${name}-unset}"`).join('\n');
  const script = `eval "$1"\n${print}\nerrand_environment\n${print}`;
  const answer = execFileSync(program, [...options, '-c', script, 'sh', ticket], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return answer.toString().split('\0').slice(0, -1);
}

const shells = [['dash'], ['bash', '--posix'], ['busybox', 'sh']];

describe('a ticket', () => {
  test('says what the runner has to know', () => {
    const secrets = { waitForIdentity: true, secretNames: ['Token', 'Password'] };
    const text = ticketText(attempt, plan({ VMName: "it's" }, secrets), mountedExecutable('stop-vm.sh'));
    expect(text).toBe(
      `ERRAND_RUN_ID='01jzzzzzzzzzzzzzzzzzzzzzzz'\nERRAND_ATTEMPT='2'\nERRAND_TASK='StopVM'\n` +
        `ERRAND_EXECUTABLE='/errand-executable/stop-vm.sh'\nERRAND_EXECUTABLE_SHA256='${'ab'.repeat(32)}'\n` +
        `ERRAND_RUN_SECONDS='3600'\nERRAND_GRACE_SECONDS='30'\nERRAND_LOG_MAX_BYTES='67108864'\n` +
        `ERRAND_SECRET_NAMES='Token Password'\nERRAND_IDENTITY='1'\n` +
        `errand_environment() {\nexport VMName='it'\\''s'\n:\n}\n`,
    );
  });

  for (const shell of shells) {
    test(`means the same values in ${shell.join(' ')}, and none of them before they are asked for`, () => {
      const nasty = fc.string({
        unit: fc.constantFrom(
          "'",
          '"',
          '\\',
          '$',
          '`',
          '\n',
          '\r',
          '\t',
          ' ',
          '(',
          ')',
          ';',
          '#',
          '!',
          '*',
          'ä',
          '\u{1f600}',
          'x',
          'EOF',
          '$(id)',
        ),
        maxLength: 40,
      });
      fc.assert(
        fc.property(nasty, nasty, (first, second) => {
          const text = ticketText(attempt, plan({ First: first, Second: second }), '/x');
          expect(evaluated(shell, text, ['First', 'Second'])).toEqual(['unset', 'unset', first, second]);
        }),
        { numRuns: 25 },
      );
    });
  }

  test('cannot be made of what no shell could take', () => {
    expect(() => ticketText(attempt, plan({ 'A=1;B': 'x' }), '/x')).toThrow(TypeError);
    expect(() => ticketText(attempt, plan({ A: 'x\0y' }), '/x')).toThrow(TypeError);
    expect(() => ticketText(attempt, plan({}, { secretNames: ["A' B"] }), '/x')).toThrow(TypeError);
    expect(() => mountedExecutable('../x')).toThrow(TypeError);
  });
});
