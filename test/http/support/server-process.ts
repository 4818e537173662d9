import { serverHarness } from './server-harness.ts';
import { closeOnSignal } from '../../../src/entry/server.ts';
import { silentLogger } from '../../../src/core/logger.ts';

/** A server in a process of its own, on the data of its first argument. Says its URL; ends with a signal. */
const { url, server } = await serverHarness({ directory: process.argv[2] ?? '' });
closeOnSignal(server, silentLogger);
process.stdout.write(`${url}\n`);
