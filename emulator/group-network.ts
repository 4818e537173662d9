import type Docker from 'dockerode';

import { statusOf } from './docker-process.ts';

/** Groups are on it unless another network is asked for. */
export const groupNetwork = 'errand-aci-emulator';

const betweenContainers = 'com.docker.network.bridge.enable_icc';

/**
 * Id of a network on which containers do not reach each other, made where it is missing: groups of Azure that are in no virtual network do
 * not, and on Docker's own bridge all do. Of two that were made at the same moment the older one is taken by all.
 */
export async function ensureGroupNetwork(docker: Docker): Promise<string> {
  const found = await oldest(docker);
  if (found !== undefined) return found;
  try {
    await docker.createNetwork({
      Name: groupNetwork,
      Driver: 'bridge',
      CheckDuplicate: true,
      Options: { [betweenContainers]: 'false' },
    });
  } catch (error) {
    if (statusOf(error) !== 409) throw error;
  }
  const made = await oldest(docker);
  if (made === undefined) throw new Error(`The network ${groupNetwork} was made and is not there: docker network ls`);
  return made;
}

async function oldest(docker: Docker): Promise<string | undefined> {
  const listed = await docker.listNetworks({ filters: { name: [groupNetwork] } });
  const apart = listed.filter(({ Name, Options }) => Name === groupNetwork && Options?.[betweenContainers] === 'false');
  return apart.toSorted((a, b) => `${a.Created}${a.Id}`.localeCompare(`${b.Created}${b.Id}`))[0]?.Id;
}
