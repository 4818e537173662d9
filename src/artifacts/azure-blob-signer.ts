import type { UserDelegationKey } from '@azure/storage-blob';
import type { Clock } from '../core/clock.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import type { BlobAccount } from './azure-blob-account.ts';
import { blobIn } from './azure-blob-container.ts';

export interface BlobSigner {
  /** An address with which one blob can be used until `seconds` from now. `permissions` as in a SAS: r read, c create, a append. A bearer secret: store it nowhere, log it nowhere. */
  sign(
    blob: { container: string; name: string; permissions: 'r' | 'rc' | 'a' | 'c'; seconds: number },
    options?: Cancelable,
  ): Promise<string>;
  /** Throws where nothing can be signed. */
  check(options?: Cancelable): Promise<void>;
}

const hourMs = 3_600_000;
/** The most that Azure gives a user delegation key. */
const keyMs = 7 * 24 * hourMs;
/** Clocks may differ by this. */
const skewMs = hourMs / 4;
/** A key that was revoked is in use for no longer than this. */
const renewMs = 4 * hourMs;

/**
 * Signs with the account key, or with a user delegation key that is kept for four hours: signing itself asks nobody. `runnerEndpoint` is the
 * address of the account as runners see it; signatures do not cover the host.
 */
export function blobSigner(options: {
  account: () => Promise<BlobAccount>;
  runnerEndpoint?: string | undefined;
  clock: Clock;
}): BlobSigner {
  const { account, clock } = options;
  let cached: { key: Promise<UserDelegationKey>; askedAt: number } | undefined;

  /** Shared by all who sign meanwhile, so that nobody's signal ends it. */
  function delegationKey({ service }: BlobAccount, until: number): Promise<UserDelegationKey> {
    const now = clock.now();
    const isUsable = cached !== undefined && now - cached.askedAt < renewMs && until <= lastMoment(cached.askedAt);
    if (cached !== undefined && isUsable) return cached.key;
    const key = service.getUserDelegationKey(new Date(now - skewMs), new Date(lastMoment(now)));
    const mine = { key, askedAt: now };
    cached = mine;
    key.catch(() => {
      if (cached === mine) cached = undefined;
    });
    return key;
  }

  return {
    async sign({ container, name, permissions, seconds }, { signal } = {}) {
      signal?.throwIfAborted();
      const opened = await account();
      const { sdk, service, key } = opened;
      const client = blobIn(service.getContainerClient(container), name);
      const base = (options.runnerEndpoint ?? service.url).replace(/\/+$/, '');
      const now = clock.now();
      const until = Math.min(now + seconds * 1000, lastMoment(now));
      const values = {
        containerName: container,
        blobName: client.name,
        permissions: sdk.BlobSASPermissions.parse(permissions),
        expiresOn: new Date(until),
        // Emulators may speak http. No start: whoever's clock is behind ours would be refused.
        protocol: base.startsWith('https:') ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp,
      };
      const query =
        key === undefined
          ? sdk.generateBlobSASQueryParameters(values, await delegationKey(opened, until), service.accountName)
          : sdk.generateBlobSASQueryParameters(values, key);
      return `${base}/${container}/${name}?${query.toString()}`;
    },

    async check({ signal } = {}) {
      signal?.throwIfAborted();
      const opened = await account();
      if (opened.key === undefined) await delegationKey(opened, clock.now());
    },
  };
}

/** The last moment that a key made now can sign for: seven days after its start, which lies back by the skew. */
function lastMoment(askedAt: number): number {
  return askedAt + keyMs - skewMs;
}
