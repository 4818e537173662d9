import { ErrandError } from '../../src/contract/errors.ts';
import { serveOnLoopback } from '../support/serve-on-loopback.ts';
import { openSoakErrand, soakLogger } from './support/soak-errand.ts';
import { noStorage, type Listening, type SoakSetting } from './support/soak-setting.ts';

// Without its harness nobody wants it.
process.once('disconnect', () => process.exit());
/** A whole server, as `errand serve` makes one; on Azure, what a function app puts together, with a socket in front of it. It waits, loaded, for what to be. */
process.once('message', (setting: SoakSetting) => void live(setting));

async function live(setting: SoakSetting): Promise<void> {
  const logger = soakLogger(setting);
  try {
    const listening: Listening = { url: await serveOnLoopback(await openSoakErrand(setting), { logger }) };
    process.send?.(listening);
  } catch (error) {
    logger.error({ err: error }, 'this orchestrator could not start');
    process.exit(error instanceof ErrandError && error.code === 'storageUnavailable' ? noStorage : 1);
  }
}
