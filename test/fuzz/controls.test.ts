import { describe, expect, test } from 'vitest';

import { createClient } from '../../src/client/client.ts';
import type { Variant } from './support/broken-servers.ts';
import type { CampaignOptions } from './support/campaign.ts';
import { fuzzRun, type FuzzRun } from './support/fuzz-run.ts';
import { fuzzWorld, type WorldOptions } from './support/fuzz-world.ts';

const minute = 60_000;

describe('the fuzz finds', () => {
  const small = { requests: 1_200, seed: 1, lanes: 12, stopsAtFirst: true };
  const found = async (variant: Variant, more: Partial<CampaignOptions & WorldOptions> = {}): Promise<FuzzRun> =>
    fuzzRun({ ...small, hasKeys: true, variant, ...more });

  test(
    'a look-up that knows names which objects have by themselves, and says how to see it again',
    async () => {
      const { figures, breaches } = await found('prototypeLookup', { hasKeys: false });
      expect(breaches.join('\n')).toContain('it is a 500');
      const [failure] = figures.failures;
      if (failure === undefined) throw new Error('there is no failure');
      // Nothing but the name is left of what was sent.
      expect(failure.request).toMatch(/constructor|__proto__|toString|hasOwnProperty|valueOf/);
      const again = await fuzzRun({
        ...small,
        hasKeys: false,
        variant: 'prototypeLookup',
        seed: failure.seed,
        path: failure.path,
      });
      expect(again.figures.failures.map(({ request }) => request)).toEqual([failure.request]);
      expect(again.figures.sent).toBe(1);
    },
    5 * minute,
  );

  test(
    'a pattern that one value can stop the server with',
    async () => {
      const { steady, breaches } = await found('hostPatterns', {
        requests: 6_000,
        seed: 22,
        lanes: 4,
        patienceMs: 5_000,
      });
      expect(breaches.join('\n')).toContain('it was not answered');
      expect(steady.answered).toBeLessThan(steady.sent);
      expect(steady.problems.join()).toContain('no answer');
    },
    5 * minute,
  );

  test.each<[what: string, variant: Variant, says: RegExp, requests?: number]>([
    ['a field that is not as documented', 'undocumentedField', /its body is not as documented: .*requestedBy/],
    [
      'a status that is not documented',
      'undocumentedStatus',
      /cancelRun answers 412, which its document does not have/,
    ],
    ['an error that tells where the server lives', 'leakyError', /it shows what is nobody's business/],
    ['a container for a request that is refused', 'startsWhatItRefuses', /a container was asked for, for 0{26}/, 500],
    ['a server that dies', 'dies', /the server is gone: it ended with 1: [^]*nobody waits for this/],
    ['a server that keeps what it was asked for', 'keepsPages', /the heap has grown from/, 500],
  ])(
    '%s',
    async (_, variant, says, requests = small.requests) => {
      expect((await found(variant, { requests })).breaches.join('\n')).toMatch(says);
    },
    5 * minute,
  );
});

test(
  'a container that its definition keeps for a while is none that was left',
  async () => {
    const world = await fuzzWorld({ hasKeys: true });
    try {
      const client = createClient({ url: world.server.url, apiKey: world.key });
      const kept = { taskName: 'Kept', dockerImage: 'busybox', scriptName: 'plain.sh' };
      await client.push('Kept', { ...kept, retention: { succeededSeconds: 600_000 } });
      const run = await client.run({ taskName: 'Kept', parameters: [] });
      expect((await client.wait(run.id)).state).toBe('succeeded');
      expect(await world.server.settle()).toEqual([]);
    } finally {
      await world.dispose();
    }
  },
  2 * minute,
);
