import { once } from 'node:events';
import { createServer, isIPv4 } from 'node:net';
import type Dockerode from 'dockerode';
import { systemClock } from '../../core/clock.ts';
import { dockerEngine, type DockerConnection } from '../../runners/docker-engine.ts';

export interface RunnerAddress {
  /** Where to listen on this machine. */
  listen: string;
  /** The name or address under which containers find it. */
  seen: string;
}

/** On Docker Desktop containers reach loopback of the machine by this name. */
const desktop: RunnerAddress = { listen: '127.0.0.1', seen: 'host.docker.internal' };

/** How containers of this engine's own bridge reach this machine. Throws `platformUnavailable` where no engine answers. */
export async function runnerAddress(connection: DockerConnection): Promise<RunnerAddress> {
  const engine = dockerEngine(connection, systemClock);
  try {
    const network = await engine.call('describe its bridge', {}, (docker) => docker.getNetwork('bridge').inspect());
    const address = bridgeAddress(network);
    return address !== undefined && (await isOurs(address)) ? { listen: address, seen: address } : desktop;
  } finally {
    engine.close();
  }
}

/** What the engine's machine is called on the bridge: the gateway, or the first address of its range where the engine does not say. */
function bridgeAddress({ IPAM }: Dockerode.NetworkInspectInfo): string | undefined {
  const range = IPAM?.Config?.find(({ Subnet }) => isIPv4(Subnet?.split('/')[0] ?? ''));
  if (range === undefined) return undefined;
  return range['Gateway'] ?? range['Subnet']?.replace(/\d+\/.*$/, '1');
}

/** An engine in a virtual machine has its bridge there. */
async function isOurs(address: string): Promise<boolean> {
  const server = createServer().listen(0, address);
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
