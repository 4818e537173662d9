import type { Emulator } from '../../../emulator/server.ts';
import { resourceGroup, subscriptionId } from './azure-driver.ts';
import type { EngineRequest } from './faulty-engine.ts';
import { pause } from './processes.ts';

const folder = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerInstance/containerGroups`;

/** Names of the groups that begin so. */
export async function groupsOf(emulator: Emulator, prefix: string): Promise<string[]> {
  const { value } = (await (await ask(emulator, 'GET', folder)).json()) as { value: { name: string }[] };
  return value.map(({ name }) => name).filter((name) => name.startsWith(prefix));
}

export async function removeGroup(emulator: Emulator, name: string): Promise<void> {
  await ask(emulator, 'DELETE', `${folder}/${name}`);
}

/** The emulator loses answers and refuses for a while whoever asks. */
async function ask({ url }: Emulator, method: string, path: string): Promise<Response> {
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await fetch(`${url}${path}?api-version=2025-09-01`, { method });
      if (answer.ok || tries === 20) return answer;
    } catch (error) {
      if (tries === 20) throw error;
    }
    await pause(50);
  }
}

/** Every PUT that was carried out, whether or not its answer arrived. */
export function startsAt(emulator: Emulator, prefix: string): EngineRequest[] {
  return emulator.requests.flatMap(({ method, path, status, lost }) => {
    const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : '';
    const isCarriedOut = lost || (status !== undefined && status < 400);
    if (method !== 'PUT' || !name.startsWith(prefix) || !isCarriedOut) return [];
    return [{ what: 'PUT /containerGroups/{runner}', container: name, status: status ?? 0, answer: undefined }];
  });
}
