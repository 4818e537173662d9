import { systemClock } from '../../../src/core/clock.ts';
import { sqliteStorage } from '../../../src/storage/sqlite.ts';
import { sampleRun } from '../../../src/testing/sample-run.ts';

/** Opens the storage for the first time and writes a run of its own. */
const storage = sqliteStorage({ path: process.argv[2] ?? '', clock: systemClock });
await storage.createRun(sampleRun(process.pid));
await storage.close();
