import { scopes } from '../../contract/routes.ts';
import type { ApiKeyEntry } from '../../http/api-keys.ts';
import { readKeysFile } from '../keys-file.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { table } from '../terminal/table.ts';
import { duration } from '../terminal/time-text.ts';
import { givenKeysFile, keysFileOption } from './given-keys-file.ts';

export const keysListCommand = command({
  name: 'keys list',
  about: 'Lists who has a key, what each may do, and when it ends. The keys themselves are kept nowhere.',
  options: keysFileOption,
  examples: [{ line: 'errand keys list --json | jq -r .name', about: 'For programs' }],
  run: async ({ values }, io) => {
    const file = givenKeysFile(values.file, io);
    const entries = (await readKeysFile(file)) ?? [];
    if (io.json) {
      for (const { sha256: _, ...shown } of entries) await io.record({ type: 'key', ...shown });
      return exitCodes.done;
    }
    if (entries.length === 0)
      io.note(`There is no key in ${file}. Make one: errand keys create --name me --scopes all`);
    else
      await io.write(
        table([['ID', 'NAME', 'SCOPES', 'TASKS', 'ENDS'].map(io.style.dim), ...entries.map((each) => row(each, io))]),
      );
    return exitCodes.done;
  },
});

function row({ id, name, scopes: granted, tasks, expiresAt }: ApiKeyEntry, { style, clock }: Io): string[] {
  return [
    id,
    style.bold(name),
    granted.length === scopes.length ? 'all' : granted.join(', '),
    tasks?.join(', ') ?? 'all',
    expiresAt === undefined ? 'never' : endText(Date.parse(expiresAt) - clock.now(), style.red),
  ];
}

function endText(leftMs: number, paint: (text: string) => string): string {
  return leftMs > 0 ? `in ${duration(leftMs)}` : paint('has ended');
}
