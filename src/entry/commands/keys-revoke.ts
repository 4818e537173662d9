import { readKeysFile, writeKeysFile } from '../keys-file.ts';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { givenKeysFile, keysFileOption } from './given-keys-file.ts';

export const keysRevokeCommand = command({
  name: 'keys revoke',
  about:
    'Takes keys out of the file of keys. A server with that file refuses them from then on; runs that they have started go on.',
  operands: '<id>…',
  count: { least: 1, most: 100 },
  options: keysFileOption,
  examples: [
    {
      line: 'errand keys revoke 4f9c2a7be01d3358',
      about: 'The id is what "errand keys list" shows, and what follows errand_ in the key',
    },
  ],
  run: async ({ values, positionals }, io) => {
    const file = givenKeysFile(values.file, io);
    const entries = (await readKeysFile(file)) ?? [];
    const unknown = positionals.find((id) => !entries.some((entry) => entry.id === id));
    // Somebody who pastes the whole key is told no more of it than its id.
    if (unknown !== undefined)
      throw new UsageError(
        `There is no key ${/^errand_[a-f0-9]{16}_/.test(unknown) ? 'of that name: write its id alone, the 16 characters after errand_' : `${unknown} in ${file}: "errand keys list" shows their ids`}.`,
      );
    await writeKeysFile(
      file,
      entries.filter(({ id }) => !positionals.includes(id)),
    );
    for (const { id, name, sha256: _, ...rest } of entries.filter((entry) => positionals.includes(entry.id))) {
      if (io.json) await io.record({ type: 'revoked', id, name, ...rest });
      else await io.line(`${name} ${id} is revoked`);
    }
    return exitCodes.done;
  },
});
