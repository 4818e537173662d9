// Many runs at once against the quotas of two regions, in emulated time: npm run bench:drain -- [runs]
import { silentLogger } from '../src/core/logger.ts';
import { drain } from './drain/drain-dbg.ts';

const log = (line: string): void => void process.stdout.write(`${line}\n`);
const runs = Number(process.argv[2] ?? 2_000);
const warn = (details: object, message: string): void =>
  log(`${message}: ${'err' in details ? String(details.err) : ''}`);
const report = await drain({ runs, taskMs: 60_000, logger: { ...silentLogger, warn, error: warn }, progress: log });
log(JSON.stringify(report, undefined, 2));
