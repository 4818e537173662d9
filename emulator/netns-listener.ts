import { createServer } from 'node:net';

/**
 * Runs inside a group's network namespace, by nsenter: opens the address of the metadata service, hands the open socket to the
 * emulator, which answers on it from outside, and ends.
 */
const server = createServer();
server.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.listen(80, '169.254.169.254', () => {
  process.once('message', () => process.exit(0));
  process.send?.('listening', server);
});
