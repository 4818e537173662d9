import { BlobServiceClient } from '@azure/storage-blob';

import type { Azurite } from '../../support/azurite.ts';
import { caseAccount } from './azure-account.ts';
import type { ContainerWay } from './azure-containers.ts';
import { caseDirectories } from './case-directories.ts';
import { caseEngine } from './case-engine.ts';
import type { CrashCase } from './crash-case.ts';
import { faultJudge } from './fault-judge.ts';
import type { OpenPlace, Place } from './place.ts';

/** Places with containers of a Docker engine that reach their exchanges in Blob storage. */
export function dockerAzurePlaces(azurite: Azurite, containers: ContainerWay): OpenPlace {
  return (crash) => makePlace(crash, azurite, containers);
}

async function makePlace(crash: CrashCase, azurite: Azurite, containers: ContainerWay): Promise<Place> {
  const { root, data, notes, tally, forgetPoints, remove } = await caseDirectories();
  const account = await caseAccount(azurite, crash, containers);
  const { judge, meet, points } = faultJudge(crash);
  const engine = await caseEngine({
    directory: root,
    dockerHost: containers.dockerHost,
    tally,
    judge,
    isOurs: ({ name }) => name.startsWith(`${account.prefix}-`),
  });
  const azure = { environment: { ...account.environment, ERRAND_DRIVER: 'docker' }, tally: '/tally/executions' };

  return {
    data,
    notes,
    setting: (of) => ({ ...of, data, notes, azure }),
    open: account.open,
    survivorHost: () => engine.survivorHost,
    meet: (newcomer, its) => {
      meet(newcomer, its);
      return engine.victimHost;
    },
    forgetPoints,
    enginePoints: points,
    requests: () => engine.answered,
    containers: engine.runners,
    leftovers: engine.leftovers,
    problems: account.problems,
    reboot: ({ variant }) => engine.startAgain(variant === 'noFence' ? forget : undefined),
    close: async () => {
      await engine.close();
      await account.remove();
      await remove();
    },
  };

  /** What a runner does that has no fence: it finds the place as it was before its first boot. */
  async function forget(): Promise<void> {
    const { connectionString } = azurite;
    const exchanges = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(
      account.exchangesContainer,
    );
    for await (const { name } of exchanges.listBlobsFlat())
      if (name.endsWith('/fence')) await exchanges.deleteBlob(name);
  }
}
