import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { pause } from '../../../crash/support/processes.ts';
import type { ScenarioOutcome } from '../outcome.ts';
import { inScene } from '../support/scene.ts';
import type { Kind } from '../support/tasks.ts';

export interface DescriptorsOptions {
  /** How often all descriptors are taken. */
  rounds: number;
}

/** A server needs about 30 for itself, and a few for each run. */
const descriptors = 80;
const connections = 300;
const floodedForMs = 2_000;
const mixture: readonly Kind[] = ['Quick', 'Slow', 'Retried', 'Failing'];

/** More connections than the server may have descriptors, while runs are under way and further ones are asked for. */
export function descriptorsExhausted({ rounds }: DescriptorsOptions): Promise<ScenarioOutcome> {
  return inScene({ name: 'descriptors exhausted' }, async (scene) => {
    const server = await scene.start({ descriptors });
    const failures: string[] = [];
    let refused = 0;
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(mixture.map((kind) => scene.callers.run(`open-${round}-before-${kind}`, kind)));
      const flood = await floodWith(server.url);
      const during = mixture.map((kind) => scene.callers.run(`open-${round}-during-${kind}`, kind));
      await pause(floodedForMs);
      refused += flood.filter(({ destroyed }) => destroyed).length;
      for (const socket of flood) socket.destroy();
      await Promise.all(during);
      const health = await fetch(`${server.url}/healthz`);
      await health.text();
      if (health.status !== 200) failures.push(`afterwards /healthz is answered with ${health.status}`);
    }
    if (refused === 0) failures.push('no connection was refused: the descriptors were not exhausted');
    if (!(await scene.settle())) failures.push('it did not come to rest');
    if (!server.isUp()) failures.push(`the server has ended: ${server.said()}`);
    const lines = [
      `${rounds} times ${connections} connections on ${descriptors} descriptors, ${refused} of them refused, ${scene.callers.repeated()} requests repeated`,
    ];
    return scene.judge({ faults: rounds, lines, failures });
  });
}

async function floodWith(url: string): Promise<Socket[]> {
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: connections }, () => connect(Number(port), hostname));
  const settled = sockets.map(async (socket) => {
    const closed = once(socket, 'close');
    // Refusing is what the server does here.
    socket.on('error', () => undefined);
    await Promise.race([once(socket, 'connect').catch(() => undefined), closed]);
  });
  await Promise.all(settled);
  return sockets;
}
