// Many runs at once against the quotas of two regions, in emulated time: npm run bench:drain -- [runs]
import { dockerClient } from '../scripts/docker-client.ts';
import { ensureDocker } from '../scripts/docker-engine.ts';
import { buildImages } from '../scripts/images.ts';
import { silentLogger } from '../src/core/logger.ts';
import { drain } from './drain/drain.ts';

const log = (line: string): void => void process.stdout.write(`${line}\n`);
const warn = (details: object, message: string): void =>
  log(`${message}: ${'err' in details ? String(details.err) : ''}`);

const runs = Number(process.argv[2] ?? 2_000);
const engine = await ensureDocker({ log });
if (engine.kind === 'unavailable') log(`Without the three real containers, for there is no Docker: ${engine.reason}`);
try {
  if (engine.kind === 'ready') await buildImages(dockerClient(engine.dockerHost), { log });
  const report = await drain({
    runs,
    taskMs: 60_000,
    real: engine.kind === 'ready' ? { runs: 3, host: engine.dockerHost } : undefined,
    logger: { ...silentLogger, warn, error: warn },
    progress: log,
  });
  log(JSON.stringify(report, undefined, 2));
  if (report.succeeded < report.runs || report.throttled + report.refused > 0 || report.ratio > 1.1) {
    log('This is not as it should be: all succeed, nothing is refused, and the ratio is at most 1.1.');
    process.exitCode = 1;
  }
} finally {
  if (engine.kind === 'ready') await engine.stop();
}
