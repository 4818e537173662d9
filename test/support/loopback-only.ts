import { Socket } from 'node:net';

/**
 * Preloaded by `node --import`: connections go to this machine or nowhere. One to elsewhere fails before a name is asked for or a packet sent, and is told on standard
 * error.
 */
const connect = Reflect.get(Socket.prototype, 'connect') as (this: Socket, ...args: unknown[]) => Socket;

function hostOf(args: readonly unknown[]): string | undefined {
  const [first, second]: unknown[] = args.flat();
  if (typeof first === 'object' && first !== null) return (first as { host?: string }).host;
  return typeof second === 'string' ? second : undefined;
}

Socket.prototype.connect = function guarded(this: Socket, ...args: unknown[]): Socket {
  const host = hostOf(args);
  if (host === undefined || host === 'localhost' || host === '::1' || host.startsWith('127.'))
    return connect.apply(this, args);
  process.stderr.write(`refused ${host}\n`);
  // Whoever asked has to have the time to listen.
  setImmediate(() => this.destroy(new Error(`${host} is not on this machine`)));
  return this;
};
