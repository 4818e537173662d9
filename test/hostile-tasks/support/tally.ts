import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import type { Execution } from '../../promise/evidence.ts';
import { listen } from '../../support/listen.ts';

/** Where user code counts itself, out of Errand's sight. */
export interface Tally {
  url: string;
  executions(): Execution[];
  close(): Promise<void>;
}

/** `listen` is an address of this machine, `seen` what tasks call it. */
export async function startTally({ listen: host, seen }: { listen: string; seen: string }): Promise<Tally> {
  const told = new Map<string, Execution>();
  const note = (text: string): void => {
    const [runId = '', attempt = '', id = '', word, exitCode] = text.trim().split(' ');
    const execution: Execution = told.get(id) ?? { runId, attempt: Number(attempt), id, ended: false };
    told.set(
      id,
      word === 'ended' && exitCode !== undefined
        ? { ...execution, ended: true, exitCode: Number(exitCode) }
        : execution,
    );
  };
  async function take(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    note(Buffer.concat((await incoming.toArray()) as Buffer[]).toString());
    outgoing.writeHead(204).end();
  }
  const server = createServer((incoming, outgoing) => {
    take(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const port = await listen(server, host);
  return {
    url: `http://${seen}:${port}/`,
    executions: () => [...told.values()],
    close: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}
