import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

import type { Execution } from '../../promise/evidence.ts';

/** What the user code has written about itself, in the order of its beginnings. */
export function executionsIn(path: string): Execution[] {
  const executions = new Map<string, Execution>();
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const [what, runId = '', attempt, id = '', status] = line.split(' ');
    if (what === 'begin') executions.set(id, { runId, attempt: Number(attempt), id, ended: false });
    const begun = executions.get(id);
    if (what === 'end' && begun !== undefined) Object.assign(begun, { ended: true, exitCode: Number(status) });
  }
  return [...executions.values()];
}

/** Lines that have come since the last look, each once. */
export function newLines(path: string): () => string[] {
  let position = 0;
  let rest = '';
  return () => {
    const file = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(64 * 1024);
      for (let read = -1; read !== 0;) {
        read = readSync(file, buffer, 0, buffer.length, position);
        position += read;
        rest += buffer.toString('utf8', 0, read);
      }
    } finally {
      closeSync(file);
    }
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    return lines;
  };
}
