import { taskNamePattern } from '../../contract/names.ts';
import { scopes, type Scope } from '../../contract/routes.ts';
import { instant } from '../../core/clock.ts';
import { newApiKey } from '../../http/api-keys.ts';
import { readKeysFile, writeKeysFile } from '../keys-file.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { didYouMean } from '../terminal/suggest.ts';
import { parseDuration } from '../terminal/time-text.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { givenKeysFile, keysFileOption } from './given-keys-file.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/;

export const keysCreateCommand = command({
  name: 'keys create',
  about:
    'Makes an API key, shows it once, and adds its hash to the file of keys. A server with that file knows it at once.',
  options: {
    name: { type: 'string', value: 'who', about: 'Who gets it: recorded with every run' },
    scopes: { type: 'string', value: 'a,b', about: `What it may do: ${scopes.join(', ')}, or all` },
    tasks: { type: 'string', value: 'A,B', about: 'The only tasks that it is for' },
    expires: { type: 'string', value: '90d', about: 'When it stops working: 12h, 90d, …' },
    ...keysFileOption,
  },
  examples: [
    {
      line: 'errand keys create --name ci --scopes runs:create,runs:read',
      about: 'May run tasks and see what comes of them',
    },
    { line: 'errand keys create --name ops --scopes all --expires 90d', about: 'May do everything, for 90 days' },
  ],
  run: async ({ values }, io) => {
    const name = required(values.name, '--name who');
    if (!namePattern.test(name)) {
      throw new UsageError(`"${name}" cannot name a key: letters, digits and ._@- after the first, at most 100.`);
    }
    const expiresAt = expiry(values.expires, io);
    const tasks = values.tasks === undefined ? undefined : taskNames(values.tasks);
    const { key, entry } = newApiKey({
      name,
      scopes: scopeList(required(values.scopes, '--scopes runs:create,runs:read')),
      ...(tasks === undefined ? {} : { tasks }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
    const file = givenKeysFile(values.file, io);
    await writeKeysFile(file, [...((await readKeysFile(file)) ?? []), entry]);

    if (io.json) {
      const { sha256: _, ...shown } = entry;
      await io.record({ type: 'key', key, ...shown, file });
      return exitCodes.done;
    }
    await io.line(key);
    io.note(`\nThis key is shown only now: Errand keeps its hash, in ${file}.`);
    io.note('A server with that file in ERRAND_API_KEYS_FILE knows it at once; callers set ERRAND_API_KEY to the key.');
    return exitCodes.done;
  },
});

function required(value: string | undefined, form: string): string {
  if (value !== undefined && value !== '') return value;
  throw new UsageError(
    `"errand keys create" needs ${form}. For example: errand keys create --name ci --scopes runs:create,runs:read`,
  );
}

function scopeList(text: string): Scope[] {
  if (text === 'all') return [...scopes];
  return text.split(',').map((given) => {
    const found = scopes.find((scope) => scope === given.trim());
    if (found !== undefined) return found;
    throw new UsageError(
      `There is no scope ${given}${didYouMean(given, scopes) || '.'} The scopes are ${scopes.join(', ')}, or all.`,
    );
  });
}

function taskNames(text: string): string[] {
  return text.split(',').map((given) => {
    const name = given.trim();
    if (taskNamePattern.test(name)) return name;
    throw new UsageError(`"${name}" cannot be the name of a task: write --tasks StopVM,Hello.`);
  });
}

function expiry(text: string | undefined, io: Io): string | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw new UsageError(`--expires ${text} is no length of time: write 12h or 90d.`);
  return instant(io.clock.now() + ms);
}
