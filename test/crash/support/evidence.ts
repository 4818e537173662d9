import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Execution, Write } from '../../promise/evidence.ts';
import { noteFiles } from './crash-case.ts';

/** What the user code wrote about itself, in the order of its beginnings. `overlaps`: one began before the one before had ended. */
export function executionsIn(notes: string): { executions: Execution[]; overlaps: boolean } {
  const executions: Execution[] = [];
  let overlaps = false;
  for (const line of linesOf(join(notes, noteFiles.executions))) {
    const [what, runId = '', attempt, id = ''] = line.split(' ');
    if (what === 'begin') {
      overlaps ||= executions.some(({ ended }) => !ended);
      executions.push({ runId, attempt: Number(attempt), id, ended: false });
    } else {
      const begun = executions.find((execution) => execution.id === id);
      if (begun !== undefined) begun.ended = true;
    }
  }
  return { executions, overlaps };
}

/** Writes of records that the storage has confirmed. */
export function historyIn(notes: string): Write[] {
  return linesOf(join(notes, noteFiles.history)).map((line) => JSON.parse(line) as Write);
}

/** Points that the victim has reached, in their order. */
export function pointsIn(notes: string): string[] {
  return linesOf(join(notes, noteFiles.points)).filter((line) => !line.startsWith('#'));
}

/** What the victim has answered to its client: key (or `cancel`) → run. */
export function answersIn(notes: string): Map<string, string> {
  const lines = linesOf(join(notes, noteFiles.points)).filter((line) => line.startsWith('# '));
  return new Map(lines.map((line) => [line.split(' ')[1] ?? '', line.split(' ')[2] ?? '']));
}

export function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
}
