import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { packageRoot } from '../../../src/entry/package-root.ts';

export interface E2eOutcome {
  /** Tests that passed. */
  tests: number;
  /** Tests that say why they cannot be held under faults. */
  leftOut: number;
  /** Combinations of kind, schedule and seed. */
  scenarios: number;
  faults: number;
  runs: number;
  failures: string[];
}

/** What a door reports when it is closed, as a line of the file that `ERRAND_FAULT_REPORT` names. */
export interface DoorReport {
  faults: number;
  runs: number;
}

interface VitestReport {
  testResults: {
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
}

/** Nothing in these files is about how long something takes. */
const testMs = 300_000;

/** The end-to-end files under each of these faults (`<kind or all> <schedule> <seed>`), one after the other in so many processes. */
export async function e2eUnderFaults(wanted: readonly string[], lanes: number): Promise<E2eOutcome> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-faults-e2e-'));
  try {
    const parts = Array.from({ length: lanes }, (_, lane) => wanted.filter((__, at) => at % lanes === lane));
    const outcomes = await Promise.all(
      parts.flatMap((part, lane) => (part.length === 0 ? [] : [runPart(part, join(directory, String(lane)))])),
    );
    return outcomes.reduce((sum, each) => ({
      tests: sum.tests + each.tests,
      leftOut: sum.leftOut + each.leftOut,
      scenarios: sum.scenarios + each.scenarios,
      faults: sum.faults + each.faults,
      runs: sum.runs + each.runs,
      failures: [...sum.failures, ...each.failures],
    }));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runPart(wanted: readonly string[], file: string): Promise<E2eOutcome> {
  const child = spawn(
    process.execPath,
    [
      join(packageRoot, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      'test/faults/e2e.test.ts',
      '--config=vitest.stress.config.ts',
      '--reporter=json',
      `--outputFile=${file}.json`,
      `--testTimeout=${testMs}`,
      `--hookTimeout=${testMs}`,
    ],
    {
      cwd: packageRoot,
      env: { ...process.env, ERRAND_FAULTS: wanted.join(','), ERRAND_FAULT_REPORT: `${file}.doors` },
      stdio: ['ignore', 'ignore', 'ignore'],
    },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  const report = JSON.parse(await readFile(`${file}.json`, 'utf8')) as VitestReport;
  const doors = (await readFile(`${file}.doors`, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as DoorReport);
  const all = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const failures = all.flatMap(({ status, fullName, failureMessages }) =>
    status === 'passed' || status === 'skipped' || status === 'pending'
      ? []
      : [`${fullName}: ${status} ${failureMessages.join('\n')}`],
  );
  // A suite whose door finds a breach when it closes has no test that failed.
  for (const { message } of report.testResults) if (message !== '' && failures.length === 0) failures.push(message);
  if (code !== 0 && failures.length === 0) failures.push(`the end-to-end files ended with ${code}`);
  return {
    tests: all.filter(({ status }) => status === 'passed').length,
    leftOut: all.filter(({ status }) => status === 'skipped' || status === 'pending').length,
    scenarios: wanted.length,
    faults: doors.reduce((sum, { faults }) => sum + faults, 0),
    runs: doors.reduce((sum, { runs }) => sum + runs, 0),
    failures,
  };
}
