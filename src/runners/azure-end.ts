import { ErrandError } from '../contract/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { AzureAnswer } from './azure-answer.ts';
import type { Arm } from './azure-arm.ts';
import { classifyAnswer } from './azure-classify.ts';
import { getGroup, type Group, isOurs, toObservation, unavailable } from './azure-observe.ts';

export interface EndOptions {
  clock: Clock;
  logger: Logger;
  pollMs: number;
  deleteMs: number;
  transitionMs: number;
  patienceMs: number;
}

/** Whether Azure has taken the request, and how long to wait before the next look. */
interface Asked {
  accepted: boolean;
  waitMs: number;
}

/**
 * Stops the group. Azure has no signal and no grace to ask for: what it sends is not documented, and users saw SIGKILL (Azure/azure-cli#16673). Returns when
 * no container runs.
 */
export async function stopGroup(arm: Arm, at: Group, options: EndOptions, { signal }: Cancelable): Promise<void> {
  const what = `stop the container group ${at.name}`;
  await untilDone(options, { signal }, what, {
    isDone: async () => {
      const group = await getGroup(arm, at, { signal });
      if (group === undefined || !isOurs(group)) return true;
      const { state } = toObservation(group);
      return state === 'exited' || state === 'refused' || state === 'noCapacity';
    },
    ask: async () =>
      arm.call(what, { signal }, async (client, abortSignal) =>
        client.containerGroups.stop(at.resourceGroup, at.name, { abortSignal }),
      ),
  });
}

/** Deletes the group, whatever it is doing. Returns when Azure says that it is not there, or that it is somebody else's. */
export async function removeGroup(arm: Arm, at: Group, options: EndOptions, { signal }: Cancelable): Promise<void> {
  const what = `remove the container group ${at.name}`;
  await untilDone(options, { signal }, what, {
    isDone: async () => {
      const group = await getGroup(arm, at, { signal });
      if (group === undefined) return true;
      if (isOurs(group)) return false;
      options.logger.warn(
        { name: at.name, containerId: group.id },
        `The container group ${at.name} is not one of Errand's and was left alone`,
      );
      return true;
    },
    ask: async () =>
      arm.begin(what, { signal, timeoutMs: options.deleteMs }, async (client, begin) =>
        client.containerGroups.beginDelete(at.resourceGroup, at.name, begin),
      ),
  });
}

/** Looks, asks where that is needed, waits, and looks again. What was accepted is not asked for a second time: Azure counts deletes. */
async function untilDone(
  { clock, pollMs, transitionMs, patienceMs }: EndOptions,
  { signal }: Cancelable,
  what: string,
  { isDone, ask }: { isDone: () => Promise<boolean>; ask: () => Promise<void> },
): Promise<void> {
  const deadline = clock.monotonic() + patienceMs;
  let accepted = false;
  for (;;) {
    if (await isDone()) return;
    const answer: Asked = accepted ? { accepted, waitMs: pollMs } : await asked(ask, what, { pollMs, transitionMs });
    accepted = answer.accepted;
    if (clock.monotonic() + answer.waitMs > deadline) {
      throw new ErrandError(
        'platformUnavailable',
        `Azure was asked to ${what} and has not done so in ${Math.round(patienceMs / 1000)} s: it will be asked again. Look at the group in the portal if this goes on.`,
        { retryAfterSeconds: Math.ceil(answer.waitMs / 1000) },
      );
    }
    if (answer.waitMs > 0) await clock.sleep(answer.waitMs, { signal });
  }
}

async function asked(
  ask: () => Promise<void>,
  what: string,
  { pollMs, transitionMs }: Pick<EndOptions, 'pollMs' | 'transitionMs'>,
): Promise<Asked> {
  try {
    await ask();
    return { accepted: true, waitMs: 0 };
  } catch (error) {
    // No answer came: whether it was carried out is for the next look to find out.
    if (error instanceof ErrandError && error.code === 'platformUnavailable')
      return { accepted: false, waitMs: pollMs };
    if (!(error instanceof AzureAnswer)) throw error;
    const failure = classifyAnswer(error);
    switch (failure.kind) {
      case 'absent':
        return { accepted: false, waitMs: pollMs };
      case 'transitioning':
        return { accepted: false, waitMs: transitionMs };
      case 'noCapacity':
      case 'open':
        return { accepted: false, waitMs: Math.max(failure.retryAfterMs ?? 0, pollMs) };
      case 'refused':
      case 'taken':
        throw unavailable(what, error);
    }
  }
}
