import { join, resolve } from 'node:path';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { bytesText } from '../terminal/time-text.ts';

export const backupCommand = command({
  name: 'backup',
  about: 'Copies the run database while servers go on writing. The copy is the state of one moment, and checked.',
  operands: '<target>',
  count: { least: 1, most: 1 },
  options: {
    'data-dir': {
      type: 'string',
      value: 'path',
      about: 'Data directory of the server; otherwise $ERRAND_DATA_DIR, otherwise .errand',
    },
  },
  examples: [
    { line: 'errand backup /backups/errand-monday.db', about: 'Never overwrites: give each copy its own name' },
  ],
  more: 'Definitions, executables, logs and outputs are files of the data directory (tasks/ and runs/): copy them with any tool.\nRun this on the machine of the server, as the same user.',
  run: async ({ values, positionals: [target = ''] }, io) => {
    const { serverConfig } = await import('../config.ts');
    const { backupDatabase } = await import('../../storage/sqlite-backup.ts');
    const dataDirectory = values['data-dir'] ?? serverConfig(io.environment, { driver: 'docker' }).dataDirectory;
    const { bytes } = await backupDatabase(join(resolve(dataDirectory), 'errand.db'), resolve(target));
    if (io.json) await io.record({ type: 'backup', target, bytes });
    else await io.line(`${target}: ${bytesText(bytes)}, checked`);
    return exitCodes.done;
  },
});
