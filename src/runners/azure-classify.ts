import type { ContainerGroup } from '@azure/arm-containerinstance';
import type { StartRefused } from '../core/ports/runner-driver.ts';
import type { AzureAnswer } from './azure-answer.ts';

/** What a failure means, whoever learns of it and how. */
export type AzureFailure =
  /** Azure says that there is no such group. */
  | { kind: 'absent' }
  /** The group is changing: leave it alone for a while, then ask again. */
  | { kind: 'transitioning' }
  /** No room, no quota, or too many requests. */
  | { kind: 'noCapacity'; message: string; retryAfterMs?: number }
  /** Said no, and started nothing. */
  | { kind: 'refused'; reason: StartRefused['reason']; permanent: boolean; message: string }
  /** Another group has the name, in another region. */
  | { kind: 'taken' }
  /** What came of it is open. */
  | { kind: 'open'; message: string; retryAfterMs?: number };

const contributor = 'Azure Container Instances Contributor Role (5d977122-f97e-4b4d-a52f-6b43003ddb4d)';

type Rule = (message: string) => AzureFailure;

const refused =
  (reason: StartRefused['reason'], permanent: boolean, mend: string): Rule =>
  (message) => ({ kind: 'refused', reason, permanent, message: sentence(message, mend) });

/** By the code of the answer, whatever its HTTP status. */
const byCode: Readonly<Record<string, Rule>> = {
  ContainerGroupTransitioning: () => ({ kind: 'transitioning' }),
  InvalidResourceLocation: () => ({ kind: 'taken' }),
  ContainerGroupQuotaReached: (message) => ({ kind: 'noCapacity', message }),
  RegistryErrorResponse: refused('imageUnavailable', false, 'The registry refused, or took too long.'),
  InaccessibleImage: refused(
    'imageUnavailable',
    true,
    'Check the name of the image, and that its registry is one that Errand has an identity for.',
  ),
  InvalidImageName: refused('imageUnavailable', true, 'Correct dockerImage in the definition.'),
  InvalidImageRegistryIdentity: refused(
    'imageUnavailable',
    true,
    'The identity that is set for the registry needs the role AcrPull there.',
  ),
  MissingSubscriptionRegistration: refused(
    'startError',
    true,
    'Register the provider: az provider register --namespace Microsoft.ContainerInstance.',
  ),
  LinkedAuthorizationFailed: refused(
    'startError',
    false,
    'The identity that Errand runs as needs the role Managed Identity Operator on the identity of the task (and Network Contributor on a subnet).',
  ),
};

/** An answer that is not success. One pure function for every request: which of these can come depends on what was asked. */
export function classifyAnswer(answer: AzureAnswer): AzureFailure {
  const { status, code, message, retryAfterMs } = answer;
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429)
    return {
      kind: 'noCapacity',
      message: sentence(message, 'Azure takes no more requests of this kind for now.'),
      ...wait,
    };
  const rule = Object.hasOwn(byCode, code) ? byCode[code] : undefined;
  if (rule !== undefined) return rule(message);
  if (status === 404 && (code === 'ResourceNotFound' || code === 'NotFound')) return { kind: 'absent' };
  if (status === 409 && code === 'ServiceUnavailable' && isCapacity(message))
    return { kind: 'noCapacity', message, ...wait };
  if (status === 401)
    return refuse('startError', false, message, 'Azure does not take the token of the identity that Errand runs as.');
  if (status === 403)
    return refuse(
      'startError',
      false,
      message,
      `The identity that Errand runs as needs the role ${contributor} on the resource group of the runs.`,
    );
  if (status === 404)
    return refuse('startError', false, message, 'Check the subscription and the resource group of the runs.');
  if (status === 400 || status === 413 || status === 422)
    return refuse(
      'startError',
      true,
      message,
      'The definition, or the configuration of Errand, asks for what Azure does not take.',
    );
  return { kind: 'open', message: `${message} (HTTP ${status}${code === '' ? '' : ` ${code}`})`, ...wait };
}

/** Why a group came to nothing; undefined while it may still come to something. A failed operation has no code: what the group tells is all there is. */
export function classifyGroup(group: ContainerGroup): AzureFailure | undefined {
  const { provisioningState, instanceView } = group;
  if (provisioningState !== 'Failed' && provisioningState !== 'Canceled') return undefined;
  // A failure of provisioning does not stop what runs, and what has run and ended was started.
  if (
    group.containers.some(
      ({ instanceView: view }) => view?.currentState?.state === 'Running' || view?.currentState?.state === 'Terminated',
    )
  )
    return undefined;
  if (provisioningState === 'Canceled')
    return refuse('startError', false, 'The creation of the container group was canceled.', '');
  const events = [
    ...(instanceView?.events ?? []),
    ...group.containers.flatMap((each) => each.instanceView?.events ?? []),
  ];
  const full = events.find(
    ({ name = '', message = '' }) => name.startsWith('InsufficientCapacity') || isCapacity(message),
  );
  if (full !== undefined) return { kind: 'noCapacity', message: full.message ?? 'The region has no capacity.' };
  const said =
    events.findLast(({ type, name = '' }) => type === 'Warning' || name.startsWith('Failed')) ??
    instanceView?.events?.at(-1);
  const message = said?.message ?? 'Azure could not provision the container group, and gives no reason.';
  const isImage = /pull|image|manifest|registry/i.test(said?.message ?? '');
  return refuse(isImage ? 'imageUnavailable' : 'startError', false, message, '');
}

function refuse(reason: StartRefused['reason'], permanent: boolean, message: string, mend: string): AzureFailure {
  return { kind: 'refused', reason, permanent, message: sentence(message, mend) };
}

/** The texts are all that tells a full region, or a used-up quota of cores, from a service that is down. */
function isCapacity(message: string): boolean {
  return /not available in the location|quota '[^']*' exceeded|insufficient capacity/i.test(message);
}

function sentence(message: string, mend: string): string {
  const said = message.trim();
  if (mend === '') return said;
  if (said === '') return mend;
  return `${/[.!?]$/.test(said) ? said : `${said}.`} ${mend}`;
}
