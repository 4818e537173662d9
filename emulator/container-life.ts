import { sleep } from './clock.ts';
import type { DeploymentServices } from './services.ts';
import type { ContainerStart, EngineProcess, Sandbox } from './engine.ts';
import { secondsInstant } from './event-record.ts';
import type { ContainerStatus, Group } from './group.ts';
import { stoppedLog } from './log-view.ts';

export interface LifeContext {
  readonly group: Group;
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;
  readonly services: DeploymentServices;
  readonly policy: 'Always' | 'OnFailure' | 'Never';
  readonly note: (status: ContainerStatus, name: string, message: string) => void;
  /** How often the platform has ended the containers of the group to start them again. */
  readonly mishaps: () => number;
  /** Called after the first start. */
  readonly started: () => void;
}

async function recordEnd(
  status: ContainerStatus,
  process: EngineProcess,
  exitCode: number,
  services: DeploymentServices,
): Promise<void> {
  status.lastLog = await stoppedLog(process, services.switches);
  status.process = undefined;
  const { startTime } = status.currentState;
  status.currentState = {
    state: 'Terminated',
    ...(startTime === undefined ? {} : { startTime }),
    exitCode,
    finishTime: secondsInstant(services.clock.now()),
    detailStatus: exitCode === 0 ? 'Completed' : 'Error',
  };
}

/** Starts a container, starts it again as the policy and the platform's moods demand, and resolves with the last exit code. */
export async function superviseContainer(
  plan: ContainerStart,
  status: ContainerStatus,
  { group, sandbox, signal, services, policy, note, started, mishaps }: LifeContext,
): Promise<number> {
  const { clock, switches } = services;

  const restarts = (exitCode: number): boolean => {
    switch (policy) {
      case 'Always':
        return true;
      case 'OnFailure':
        return exitCode !== 0;
      case 'Never':
        return exitCode !== 0 && switches.strikes('restartAfterNonzero', group.region);
    }
  };

  for (let first = true; ; first = false) {
    status.starts += 1;
    const process = await sandbox.start({ ...plan, start: status.starts });
    status.process = process;
    // Who ended the group while this start was on its way found no process to end.
    if (signal.aborted) await process.kill(0);
    status.lastLog = undefined;
    status.currentState = { state: 'Running', startTime: secondsInstant(clock.now()), detailStatus: '' };
    note(status, 'Created', `Created container ${plan.name}`);
    note(status, 'Started', `Started container ${plan.name}`);
    if (first) started();

    const before = mishaps();
    const exitCode = await process.exit;
    await recordEnd(status, process, exitCode, services);
    signal.throwIfAborted();
    if (mishaps() === before && !restarts(exitCode)) return exitCode;

    await sleep(clock, switches.get('restartDelayMs'), signal);
    status.previousState = status.currentState;
    status.restartCount += 1;
  }
}
