import { serverHarness, type HarnessOptions } from './server-harness.ts';
import { closeOnSignal } from '../../../src/entry/server.ts';
import { silentLogger } from '../../../src/core/logger.ts';

/** A server in a process of its own, with the options that are its first argument, as JSON. Says its URL; ends with a signal. */
const { url, server } = await serverHarness(JSON.parse(process.argv[2] ?? '{}') as HarnessOptions);
closeOnSignal(server, silentLogger);
process.stdout.write(`${url}\n`);
