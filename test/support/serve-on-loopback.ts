import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { Errand } from '../../src/entry/compose.ts';
import { closeOnSignal, startServer } from '../../src/entry/server.ts';
import { createApp } from '../../src/http/app.ts';

/** Serves what was composed, as `errand serve` does, and starts it. For a process of its own, which a signal ends. Answers with its URL. */
export async function serveOnLoopback(
  { orchestrator, context, close }: Errand,
  { logger, clock = systemClock }: { logger: Logger; clock?: Clock },
): Promise<string> {
  const closing = new AbortController();
  const { artifacts, storage } = context;
  const server = await startServer({
    app: createApp({ orchestrator, artifacts, storage, clock, logger, version: '0.0.0', closing: closing.signal }),
    host: '127.0.0.1',
    port: 0,
    hasKeys: false,
    closing,
    onClose: close,
    clock,
    logger,
  });
  closeOnSignal(server, logger);
  await orchestrator.start();
  return server.url;
}
