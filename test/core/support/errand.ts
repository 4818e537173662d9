import { afterEach } from 'vitest';
import type { RunRequest } from '../../../src/contract/run-request.ts';
import { orchestrator, type Orchestrator } from '../../../src/core/orchestrator.ts';
import type { Policy } from '../../../src/core/policy.ts';
import type { RunRecord } from '../../../src/core/run-record.ts';
import { installation, type Installation, type Process } from './installation.ts';

export interface Errand extends Installation {
  process: Process;
  orchestrator: Orchestrator;
  /** Accepts a request by ann, and waits until nothing moves any more. */
  ask(taskName: string, changes?: Partial<RunRequest> & { key?: string; principal?: string }): Promise<RunRecord>;
  run(id: string): Promise<RunRecord>;
  /** Name of the container of the last attempt. */
  container(id: string): Promise<string>;
  /** The runner boots and its task ends; then the platform says so. */
  runToEnd(id: string, exitCode?: number): Promise<RunRecord>;
}

const open: Errand[] = [];

afterEach(async () => {
  for (const errand of open.splice(0)) {
    if (errand.platform.hanging === 0 && !errand.process.isKilled()) await errand.orchestrator.close();
    await errand.dispose();
  }
});

export function request(taskName: string, changes: Partial<RunRequest> = {}): RunRequest {
  return { taskName, parameters: [], labels: {}, timeouts: {}, ...changes };
}

/** A started orchestrator with the task Demo; goes away with the test. */
export async function startErrand(changes: Partial<Policy> = {}): Promise<Errand> {
  const here = await installation();
  const process = await here.start(changes);
  const started = orchestrator(process.context);
  const run = (id: string) => started.get(id);
  const container = async (id: string) => (await run(id)).attempts.at(-1)?.containerName ?? '';
  const errand: Errand = Object.assign(here, {
    process,
    orchestrator: started,
    run,
    container,
    ask: async (taskName: string, { key, principal = 'ann', ...rest }: Parameters<Errand['ask']>[1] = {}) => {
      const accepted = await started.accept(request(taskName, rest), { principal, idempotencyKey: key });
      await here.settle();
      return run(accepted.run.id);
    },
    runToEnd: async (id: string, exitCode = 0) => {
      const name = await container(id);
      here.platform.boot(name);
      here.platform.tell(id);
      await here.settle();
      here.platform.finish(name, exitCode);
      here.platform.tell(id);
      await here.settle();
      return run(id);
    },
  });
  open.push(errand);
  await here.push({ taskName: 'Demo' });
  await started.start();
  await here.settle();
  return errand;
}
