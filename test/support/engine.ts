import { describe, inject, test } from 'vitest';

/** The engine that the tests use; set by the global set-up. Only to be called where tests that need Docker run. */
export function dockerHost(): string {
  const host = process.env['DOCKER_HOST'];
  if (host === undefined) throw new Error('DOCKER_HOST is not set: wrap the tests in describeWithDocker');
  return host;
}

/**
 * `describe` for tests that need a Docker engine. Where none can be had, one visible skip with the reason takes their place;
 * on CI that is a failure, since there everything must have run.
 */
export function describeWithDocker(name: string, body: () => void): void {
  const reason = inject('dockerUnavailable');
  if (reason === undefined) {
    describe(name, body);
    return;
  }
  test(`${name} (needs Docker)`, (context) => {
    if (process.env['CI'] === 'true') throw new Error(`Left out, which CI does not allow: ${reason}`);
    context.skip(reason);
  });
}
