import fc from 'fast-check';

import type { Headers } from './fuzz-request.ts';

/** What a header value may hold, with the letters of Latin-1. */
export const headerText = fc.stringMatching(/^[\x21-\x7e\xa0-\xff]{1,40}$/);

export const credentials: fc.Arbitrary<Headers> = fc.oneof(
  { weight: 24, arbitrary: fc.constant([['Authorization', 'Bearer @key@']] as const) },
  { weight: 6, arbitrary: fc.constant([['X-Api-Key', '@key@']] as const) },
  { weight: 2, arbitrary: fc.constant([['X-Api-Key', '@limited@']] as const) },
  { weight: 1, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc
      .oneof(
        headerText,
        fc.constantFrom(0, 1, 2, 95, 96, 97, 255, 4_096, 12_000).map((length) => 'k'.repeat(length)),
        fc.constantFrom('@key@x', 'errand_', 'errand__', 'errand_0_0', 'errand_constructor_x', 'Bearer @key@'),
      )
      .map((key) => [['X-Api-Key', key]] as const),
  },
);
