import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { sampleRun } from '../../../src/testing/sample-run.ts';

/** Adds one to a record that others write, too, under a slot that one at a time may hold; prints when it had it. */
const [path = '', holder = '', times = '0'] = process.argv.slice(2);
const storage = sqliteStorage({ path, clock: systemClock });
const first = sampleRun(1);
for (let done = 0; done < Number(times); done += 1) {
  while (!(await storage.takeSlot({ key: 'k', holder, limit: 1, at: first.createdAt })).held) await delay(1);
  const since = process.hrtime.bigint();
  for (;;) {
    const run = await storage.getRun(first.id);
    if (run === undefined) throw new Error('the record is gone');
    if (await storage.updateRun({ ...run, version: run.version + 1, operationId: `${holder} ${done}` })) break;
  }
  process.stdout.write(`${since} ${process.hrtime.bigint()}\n`);
  await storage.releaseSlot('k', holder);
}
await storage.close();
