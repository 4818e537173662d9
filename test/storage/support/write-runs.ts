import { writeSync } from 'node:fs';
import { systemClock } from '../../../src/core/clock.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { sampleRun } from '../../../src/testing/sample-run.ts';

/** Writes runs until it is killed, and says which of them are stored. */
const [path = '', first = '0'] = process.argv.slice(2);
const storage = sqliteStorage({ path, clock: systemClock });
for (let number = Number(first); ; number += 1) {
  await storage.createRun(sampleRun(number));
  await storage.takeSlot({ key: 'k', holder: sampleRun(number).id, limit: 1, at: sampleRun(number).createdAt });
  writeSync(1, `${number}\n`);
}
