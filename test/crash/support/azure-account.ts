import { randomBytes } from 'node:crypto';

import { azureBlobs } from '../../../src/artifacts/azure-blobs.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ArtifactStore } from '../../../src/core/ports/artifact-store.ts';
import { azureTablesStorage } from '../../../src/storage/azure-tables.ts';
import type { Azurite } from '../../support/azurite.ts';
import { signature } from '../../support/signature.ts';
import { atRest, removeAtRest } from './azure-at-rest.ts';
import type { ContainerWay } from './azure-containers.ts';
import type { CrashCase } from './crash-case.ts';
import type { Place } from './place.ts';
import { definitionOf, executableOf, scriptName, secretValue, taskName } from './scenarios.ts';

/** What an exchange still holds when all is done: marks, the log, and files that a task left. */
const mayStay = /\/(?:opened|discarded|fence|collected\.json|seizure-[0-9a-f]+|log|files\/\d+)$/;
let cases = 0;

/** What is one case's own in a storage account that many cases share: tables, blob containers and a queue. */
export interface CaseAccount extends Pick<Place, 'open' | 'problems'> {
  /** All of it begins so, and the names of runners too. */
  prefix: string;
  /** Errand's settings. */
  environment: Record<string, string>;
  artifacts: ArtifactStore;
  /** Blob container of the exchanges. */
  exchangesContainer: string;
  remove(): Promise<void>;
}

/** Holds the task of the case already. With `containers`, its image and the way to Blob storage are theirs. */
export async function caseAccount(
  { connectionString }: Azurite,
  crash: CrashCase,
  containers: ContainerWay | undefined,
): Promise<CaseAccount> {
  // The number ends the name of no other; the rest tells harnesses apart that share an engine.
  const prefix = `c${(cases += 1)}x${randomBytes(3).toString('hex')}`;
  const tasksContainer = `${prefix}-tasks`;
  const exchangesContainer = `${prefix}-exchanges`;
  const artifacts = azureBlobs({
    connection: { connectionString },
    tasksContainer,
    exchangesContainer,
    clock: systemClock,
  });
  const definition = {
    ...definitionOf(crash.scenario, crash.driver),
    ...(containers === undefined || crash.scenario === 'startFailure' ? {} : { dockerImage: containers.image }),
  };
  await artifacts.put(scriptName, Buffer.from(executableOf(crash.scenario, crash.driver)));
  await artifacts.put(`${taskName}.json`, Buffer.from(JSON.stringify(definition)));
  return {
    prefix,
    artifacts,
    exchangesContainer,
    environment: {
      ERRAND_STORAGE_CONNECTION_STRING: connectionString,
      ERRAND_TABLE_PREFIX: prefix,
      ERRAND_QUEUE: `${prefix}-work`,
      ERRAND_TASKS_CONTAINER: tasksContainer,
      ERRAND_EXCHANGES_CONTAINER: exchangesContainer,
      ERRAND_NAME_PREFIX: prefix,
      ...(containers === undefined ? {} : { ERRAND_RUNNER_BLOB_ENDPOINT: containers.blobEndpoint }),
    },
    open: async () => {
      const storage = azureTablesStorage({
        connection: { connectionString },
        prefix,
        clock: systemClock,
        // What a death has left in an index is old enough to be put right.
        graceMs: 0,
      });
      return { storage, artifacts, close: () => storage.close() };
    },
    problems: async () => {
      const problems: string[] = [];
      const forms = [secretValue, Buffer.from(secretValue).toString('base64').replace(/=+$/, '')];
      for (const { place, text } of await atRest(connectionString, prefix)) {
        const isInTheClear = signature.test(text) || forms.some((form) => text.includes(form));
        if (isInTheClear && !place.startsWith(`blob ${tasksContainer}/`))
          problems.push(`${place} holds a secret in the clear`);
        const isOfExchange = place.startsWith(`blob ${exchangesContainer}/exchanges/`);
        if (isOfExchange && !mayStay.test(place)) problems.push(`${place} is left`);
        if (place.startsWith('queue ') && place.endsWith('-poison')) problems.push(`poison: ${text}`);
      }
      return problems;
    },
    remove: () => removeAtRest(connectionString, prefix),
  };
}
