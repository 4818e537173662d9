import { expect, test } from 'vitest';

import type { Client } from '../../../src/client/client.ts';
import type { RunView } from '../../../src/contract/run.ts';
import { doForAll } from '../../../web/state/bulk.ts';

const runs = Array.from({ length: 10 }, (_, index) => ({ id: `run-${index}` }) as RunView);

test('what was not begun when somebody said stop is left as it was', async () => {
  const stop = new AbortController();
  const canceled: string[] = [];
  const client = {
    cancel: (id: string) => {
      canceled.push(id);
      if (canceled.length === 6) stop.abort();
      return Promise.resolve(runs[0]);
    },
  } as unknown as Client;
  const { done, failures } = await doForAll(client, 'cancel', runs, () => {}, stop.signal);
  expect(canceled).toHaveLength(6);
  expect(done).toBe(6);
  expect(failures).toEqual([]);
});

test('what fails does not keep the others from being done', async () => {
  const client = {
    cancel: (id: string) => (id === 'run-3' ? Promise.reject(new Error('no')) : Promise.resolve(runs[0])),
  } as unknown as Client;
  const told: number[] = [];
  const signal = new AbortController().signal;
  const { done, failures } = await doForAll(client, 'cancel', runs, (count) => told.push(count), signal);
  expect({ done, failures: failures.length, last: told.at(-1) }).toEqual({ done: 9, failures: 1, last: 10 });
});
