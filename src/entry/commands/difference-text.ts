import { structuredPatch } from 'diff';
import type { Task } from '../../client/client.ts';
import type { Style } from '../terminal/style.ts';
import type { LocalTask } from './task-folder.ts';

/** Lines around a change. */
const context = 2;

/** What would be another after a push, for people: lines of the definition, and the executable. */
export function differenceText(there: Task, local: LocalTask, style: Style): string {
  const patch = structuredPatch('', '', textOf(there.document), textOf(local.document), '', '', { context });
  const lines = patch.hunks
    .flatMap((hunk) => hunk.lines)
    .map((line) => {
      const indented = `    ${line}`;
      if (line.startsWith('-')) return style.red(indented);
      return line.startsWith('+') ? style.green(indented) : style.dim(indented);
    });
  const before = there.executable?.sha256;
  if (before !== local.sha256)
    lines.push(
      `    ${local.definition.scriptName}: ${before === undefined ? 'missing' : before.slice(0, 12)} → ${local.sha256.slice(0, 12)}`,
    );
  return lines.map((line) => `${line}\n`).join('');
}

/** The pin follows from the executable, of which there is a line of its own. */
function textOf(document: object): string {
  const { sha256: _, ...shown } = document as { sha256?: string };
  return `${JSON.stringify(shown, null, 2)}\n`;
}
