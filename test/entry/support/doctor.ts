import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { cli, records } from './cli.ts';

export interface Line {
  level: 'ok' | 'warn' | 'fail';
  step: string;
  what: string;
  mend?: string;
}

export interface Report {
  code: number | null;
  lines: Line[];
  stdout: string;
  stderr: string;
  /** Lines of one step. */
  of(step: string): Line[];
}

/** `errand doctor` as users run it, its output piped. */
export async function doctor(
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<Report> {
  // No server of anybody else is asked: port 0 is that of none.
  const ended = await cli(['doctor', ...args], { cwd, env: { ERRAND_PORT: '0', ...env } });
  const lines = records(ended.stdout).filter(({ type }) => type === 'check') as unknown as Line[];
  return { ...ended, lines, of: (step) => lines.filter((line) => line.step === step) };
}

/** A directory that is gone when the test is over. */
export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-doctor-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
