import { describe, expect, test } from 'vitest';

import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { dockerRunner } from '../../src/runners/docker.ts';
import { runnerDriverConformance } from '../../src/testing/runner-driver-conformance.ts';
import { describeWithDocker } from '../support/engine.ts';
import { dockerHarness } from './support/docker-harness.ts';

describeWithDocker('docker', () => {
  runnerDriverConformance(
    { describe, test, expect },
    'docker',
    async () => {
      const harness = await dockerHarness();
      const { driver, prepare, starts, instanceId, docker } = harness;
      return {
        driver,
        second: dockerRunner(harness.options),
        instanceId,
        prepare,
        starts,
        occupy: async (name) => {
          const foreign = await docker.createContainer({ name, Image: harness.image, Cmd: ['sleep', '100'] });
          harness.alsoRemove(foreign.id);
          await foreign.start();
          return { untouched: async () => (await foreign.inspect()).State.Running };
        },
        dispose: harness.dispose,
      };
    },
    () =>
      dockerRunner({
        connection: { socketPath: '/nonexistent/docker.sock' },
        runnerScript: '/nonexistent/script-runner.sh',
        directory: '/nonexistent',
        maximumRunners: 1,
        logger: silentLogger,
        clock: systemClock,
      }),
  );
});
