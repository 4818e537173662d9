import { describe, expect, test } from 'vitest';

import type { RunView } from '../../../src/contract/run.ts';
import { instant } from '../../../src/core/clock.ts';
import { toView } from '../../../src/core/view.ts';
import { endSentence, whatOf } from '../../../web/text/run-text.ts';
import { startSentence } from '../../../web/text/start-sentence.ts';
import { timelineOf } from '../../../web/text/timeline.ts';
import { attempt, ended, queued, starting, t0 } from '../../core/support/records.ts';

const at = (ms: number): string => instant(t0 + ms);
const segments = (run: RunView, now = t0 + 100_000) =>
  timelineOf(run, now).attempts.map((each) => each.segments.map(({ phase, from, to }) => `${phase} ${from}-${to}`));
const sentence = (run: RunView, now = t0 + 100_000): string => startSentence(run, timelineOf(run, now));

const done = (changes: object): RunView =>
  toView(
    ended({
      endedAt: at(60_000),
      attempts: [
        attempt({
          openedAt: at(1_000),
          createdAt: at(4_000),
          fencedAt: at(30_000),
          fetchMs: 2_000,
          runMs: 25_000,
          endedAt: at(60_000),
          exitCode: 0,
          ...changes,
        }),
      ],
    }),
  );

describe('where the time went', () => {
  test('in all its phases', () => {
    expect(segments(done({}))).toEqual([
      [
        'queued 0-1000',
        'create 1000-4000',
        'start 4000-28000',
        'fetch 28000-30000',
        'run 30000-55000',
        'settle 55000-60000',
      ],
    ]);
  });

  test('clocks that differ put no phase before the one it follows', () => {
    expect(segments(done({ createdAt: at(40_000), runMs: 45_000 }))).toEqual([
      ['queued 0-1000', 'create 1000-28000', 'fetch 28000-30000', 'run 30000-60000'],
    ]);
  });

  test('of a run that goes on, until now', () => {
    const going = toView(starting({ attempts: [attempt({ openedAt: at(500), createdAt: at(700) })] }));
    expect(segments(going, t0 + 2_000)).toEqual([['queued 0-500', 'create 500-700', 'start 700-2000']]);
    expect(segments(toView(queued()), t0 + 2_000)).toEqual([['queued 0-2000']]);
  });

  test('of several attempts, each from the end of the one before', () => {
    const run = toView(
      ended({
        endedAt: at(9_000),
        attempts: [
          attempt({ number: 1, openedAt: at(0), endedAt: at(3_000), counted: false }),
          attempt({ number: 2, openedAt: at(5_000), createdAt: at(6_000), fencedAt: at(7_000), endedAt: at(9_000) }),
        ],
      }),
    );
    expect(segments(run)).toEqual([
      ['create 0-3000'],
      ['queued 3000-5000', 'create 5000-6000', 'start 6000-7000', 'run 7000-9000'],
    ]);
    expect(sentence(run)).toBe(
      'Attempt 2 took 4 s to start, 2 s of it to wait after attempt 1. One attempt before it did not start.',
    );
  });

  test('of a retry, whose pause no higher limit would make shorter', () => {
    const run = toView(
      ended({
        endedAt: at(90_000),
        attempts: [
          attempt({ number: 1, openedAt: at(0), fencedAt: at(1_000), endedAt: at(3_000) }),
          attempt({
            number: 2,
            openedAt: at(63_000),
            createdAt: at(63_500),
            fencedAt: at(64_000),
            endedAt: at(90_000),
          }),
        ],
      }),
    );
    expect(sentence(run)).toBe(
      'Attempt 2 was slow to start: 1 min 1 s, 1 min of it to wait after attempt 1. The pause between attempts is what retry.backoff in the definition says, or longer where there is no room.',
    );
  });
});

describe('a sentence on the end', () => {
  const end = (state: 'failed' | 'canceled' | 'timedOut', message: string) =>
    endSentence(toView(ended({ state, reason: state === 'canceled' ? 'canceled' : 'exitCode', message })));

  test('says each thing once, and has one full stop', () => {
    expect(end('failed', 'exit code 7')).toBe('It failed: exit code 7.');
    expect(end('failed', 'the image lacks sh. Choose another.')).toBe('It failed: the image lacks sh. Choose another.');
    expect(end('canceled', 'canceled by ops before it started')).toBe('It was canceled by ops before it started.');
    expect(end('timedOut', 'the executable ran longer than runSeconds')).toBe(
      'It ran out of time: the executable ran longer than runSeconds.',
    );
  });
});

describe('a sentence on the start', () => {
  test('names the longest part of a slow one, by the platform, and what helps', () => {
    expect(sentence(done({ platform: 'azure-container-instances' }))).toBe(
      'It was slow to start: 30 s, 24 s of it to pull and start. A smaller image, or a registry in the same region, starts sooner.',
    );
    expect(sentence(done({ platform: 'docker', createdAt: at(27_000) }))).toBe(
      'It was slow to start: 30 s, 26 s of it to pull and create. An image that is already on the machine, or a smaller one, starts sooner.',
    );
  });

  test('does not say that starting took its time to start', () => {
    expect(sentence(done({ platform: 'docker', createdAt: at(2_000) }))).toMatch(/, \d+ s of it to start the runner\./);
  });

  test('says why there was none', () => {
    const failed = (message: string) =>
      toView(
        ended({
          state: 'failed',
          reason: 'imageUnavailable',
          message: 'the image is not there',
          attempts: [attempt({ endedAt: at(1_000), reason: 'imageUnavailable', message })],
        }),
      );
    const advice = 'Check the name of the image and its tag, and that the platform may pull from this registry.';
    // What the page says above is not said again.
    expect(sentence(failed('the image is not there'))).toBe(`It did not start. ${advice}`);
    expect(sentence(failed('no such tag'))).toBe(`It did not start: no such tag. ${advice}`);
  });

  test('says what is waited for', () => {
    const waiting = queued({ waiting: { reason: 'concurrency', message: '5 of 5 under way' } });
    expect(sentence(toView(waiting))).toBe('It waits: 5 of 5 under way.');
    const place = (position: number) => ({ reason: 'concurrency', message: '5 of 5 under way', position }) as const;
    expect(sentence({ ...toView(queued()), waiting: place(2) })).toBe('It waits: 5 of 5 under way (2 before it).');
    expect(whatOf({ ...toView(queued()), waiting: place(0) })).toBe('5 of 5 under way (it is the next)');
    expect(sentence(toView(queued()))).toBe('It waits for its first attempt.');
    const expired = ended({
      state: 'expired',
      reason: 'queueTimeout',
      message: 'its time to wait is over',
      attempts: [],
    });
    expect(sentence(toView(expired))).toBe('It was never started: its time to wait is over.');
  });
});
