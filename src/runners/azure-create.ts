import type { ContainerGroup } from '@azure/arm-containerinstance';
import { ErrandError } from '../contract/errors.ts';
import { type CreatedRunner, NoCapacity, type RunnerSpec, StartRefused } from '../core/ports/runner-driver.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { AzureAnswer } from './azure-answer.ts';
import type { Arm } from './azure-arm.ts';
import { classifyAnswer } from './azure-classify.ts';
import { getGroup, type Group, idOf, isOf } from './azure-observe.ts';

/**
 * Asks for the group with one PUT, and with none where something has the name already: a PUT over a group starts its containers again. Returns when Azure has accepted;
 * what comes of it is for `observe` to find out. Where no answer came it throws `platformUnavailable`, and whether there is a group is open.
 */
export async function createGroup(
  arm: Arm,
  { subscriptionId, resourceGroup }: { subscriptionId: string; resourceGroup: string },
  spec: RunnerSpec,
  request: ContainerGroup,
  { signal, progress }: Cancelable & { progress: (phase: string) => void },
): Promise<CreatedRunner> {
  const at = { resourceGroup, name: spec.name };
  progress('asking Azure for a container');
  const there = await getGroup(arm, at, { signal });
  if (there !== undefined) return adopt(there, spec);
  try {
    await arm.begin(`create the container group ${spec.name}`, { signal }, async (client, options) =>
      client.containerGroups.beginCreateOrUpdate(resourceGroup, spec.name, request, options),
    );
  } catch (error) {
    if (!(error instanceof AzureAnswer)) throw error;
    return refusedCreate(arm, at, spec, error, { signal });
  }
  progress('Azure has accepted the container');
  return { containerId: groupId(subscriptionId, at), region: spec.place };
}

/** As Azure forms it. */
function groupId(subscriptionId: string, { resourceGroup, name }: Group): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerInstance/containerGroups/${name}`;
}

/** What has the name is of this attempt, whoever asked for it, or it is left alone. */
function adopt(group: ContainerGroup, spec: RunnerSpec): CreatedRunner {
  if (isOf(group, spec)) return { ...idOf(group), ...(group.location === undefined ? {} : { region: group.location }) };
  throw new StartRefused(
    'nameConflict',
    `A container group named ${spec.name} exists that is not of this attempt; it was left alone. Remove it, or see who made it.`,
    { permanent: true },
  );
}

async function refusedCreate(
  arm: Arm,
  at: Group,
  spec: RunnerSpec,
  answer: AzureAnswer,
  options: Cancelable,
): Promise<CreatedRunner> {
  const failure = classifyAnswer(answer);
  switch (failure.kind) {
    case 'noCapacity':
      throw new NoCapacity(withoutSecrets(failure.message, spec), { retryAfterMs: failure.retryAfterMs });
    case 'refused':
      throw new StartRefused(failure.reason, `Azure refused the container: ${withoutSecrets(failure.message, spec)}`, {
        permanent: failure.permanent,
      });
    case 'taken':
    case 'transitioning': {
      // Somebody else was a moment faster, or Azure is still at what it was asked before.
      const there = await getGroup(arm, at, options);
      if (there !== undefined) return adopt(there, spec);
      break;
    }
    case 'absent':
    case 'open':
      break;
  }
  throw new ErrandError(
    'platformUnavailable',
    `Azure was asked to create the container group ${spec.name}, and whether it will is open: ${withoutSecrets(answer.message, spec)} It will be looked at again.`,
  );
}

const shortestSecret = 4;

/** Azure may quote what it does not like of a request. */
function withoutSecrets(message: string, { access }: RunnerSpec): string {
  if (access.kind !== 'signedUrls') return message;
  const values = Object.values(access.secure).filter((value) => value.length >= shortestSecret);
  return values.toSorted((a, b) => b.length - a.length).reduce((text, value) => text.replaceAll(value, '***'), message);
}
