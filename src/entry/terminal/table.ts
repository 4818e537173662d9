import { stripVTControlCharacters } from 'node:util';

/** Columns as wide as their widest cell, two blanks apart; the last one is left as it is. Colors take no width. */
export function table(rows: readonly (readonly string[])[], { indent = '' }: { indent?: string } = {}): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - width(cell)),
        )
        .join('  '),
    )
    .map((line) => `${indent}${line.trimEnd()}\n`)
    .join('');
}

function width(cell: string): number {
  return [...stripVTControlCharacters(cell)].length;
}
