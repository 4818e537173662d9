import type { Loosen } from './place.ts';

/** All that keeps a task from others is taken away, bounded so that the machine stays usable. */
export function loosened(orchestratorSecret: string): Loosen {
  let neighbour = '';
  return (request, name) => {
    const host = (request.HostConfig ??= {});
    const task = request.Labels?.['errand.task'] ?? '';
    if (task === 'neighbour') neighbour = name;
    request.Env = [...(request.Env ?? []), `LEAKED=${orchestratorSecret}`];
    host.NetworkMode = 'bridge';
    host.PidsLimit = 1500;
    if (task === 'memory') host.Memory = host.MemorySwap = 2 * 1024 ** 3;
    host.LogConfig = { Type: 'json-file', Config: {} };
    if (task.startsWith('reaches-out')) host.PidMode = `container:${neighbour}`;
  };
}
