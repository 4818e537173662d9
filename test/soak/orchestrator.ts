import { ErrandError } from '../../src/contract/errors.ts';
import { systemClock } from '../../src/core/clock.ts';
import { closeOnSignal, startServer } from '../../src/entry/server.ts';
import { createApp } from '../../src/http/app.ts';
import { openSoakErrand, soakLogger } from './support/soak-errand.ts';
import { noStorage, type Listening, type SoakSetting } from './support/soak-setting.ts';

// Without its harness nobody wants it.
process.once('disconnect', () => process.exit());
/** A whole server, as `errand serve` makes one; on Azure, what a function app puts together, with a socket in front of it. It waits, loaded, for what to be. */
process.once('message', (setting: SoakSetting) => void live(setting));

async function live(setting: SoakSetting): Promise<void> {
  const logger = soakLogger(setting);
  try {
    const { orchestrator, context, close } = await openSoakErrand(setting);
    const closing = new AbortController();
    const server = await startServer({
      app: createApp({
        orchestrator,
        artifacts: context.artifacts,
        storage: context.storage,
        clock: systemClock,
        logger,
        version: '0.0.0',
        closing: closing.signal,
      }),
      host: '127.0.0.1',
      port: 0,
      hasKeys: false,
      closing,
      onClose: close,
      clock: systemClock,
      logger,
    });
    closeOnSignal(server, logger);
    await orchestrator.start();
    const listening: Listening = { url: server.url };
    process.send?.(listening);
  } catch (error) {
    logger.error({ err: error }, 'this orchestrator could not start');
    process.exit(error instanceof ErrandError && error.code === 'storageUnavailable' ? noStorage : 1);
  }
}
