import { filesystemArtifacts } from '../../../src/artifacts/filesystem.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { sampleAttempt } from '../../../src/testing/sample-exchange.ts';

/** Discards the sample's exchange as another user. */
const [directory = '', user = ''] = process.argv.slice(2);
// What is imported first has been read by now; from here on the user counts.
process.setgroups?.([]);
process.setgid?.(Number(user));
process.setuid?.(Number(user));
await filesystemArtifacts({ directory, clock: systemClock }).exchange(sampleAttempt(1)).discard();
