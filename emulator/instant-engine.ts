import { sleep } from './clock.ts';
import type { ContainerStart, Engine, EngineFactory, EngineGroup, EngineProcess, Sandbox } from './engine.ts';

/** A container that is about to "run": what a process in it could see. */
export interface InstantStart extends ContainerStart {
  readonly group: EngineGroup;
  /** Aborted when the platform ends the container. */
  readonly signal: AbortSignal;
}

export interface Outcome {
  /** Emulated milliseconds; the switches decide where it is left out. Counts for the first container's first start only. */
  readonly pullMs?: number;
  /** Emulated milliseconds from start to exit, 0 unless given; Infinity runs until it is ended. */
  readonly runMs?: number;
  /** 0 unless given. */
  readonly exitCode?: number;
  readonly log?: string;
  /** Done when the container starts; it exits only after this. The returned number replaces the exit code; a rejection makes it 1. */
  readonly effect?: (start: InstantStart) => Promise<number | void>;
}

/** Says what each start of a container comes to. */
export type Behavior = (start: InstantStart) => Outcome;

export interface InstantEngineOptions {
  readonly behavior?: Behavior;
  /** Which images there are; all of them unless given. */
  readonly hasImage?: (image: string) => boolean;
}

const killedExitCode = 137;

/** An engine without containers: exits and durations by script, for tests of quota and scale. */
export function instantEngine({
  behavior = () => ({}),
  hasImage = () => true,
}: InstantEngineOptions = {}): EngineFactory {
  return ({ clock, log: report }) => {
    function run(container: ContainerStart, group: EngineGroup, planned: Planned): EngineProcess {
      const { outcome, ending, start } = planned;
      let printed = outcome.log ?? '';
      const live = async (): Promise<number> => {
        try {
          const [given] = await Promise.all([outcome.effect?.(start), sleep(clock, outcome.runMs ?? 0, ending.signal)]);
          return typeof given === 'number' ? given : (outcome.exitCode ?? 0);
        } catch (error) {
          if (ending.signal.aborted) return killedExitCode;
          report(`The effect of ${group.name}/${container.name} failed: ${String(error)}`);
          printed += `${String(error)}\n`;
          return 1;
        }
      };
      const ended = new Promise<number>((resolve) => {
        ending.signal.addEventListener('abort', () => resolve(killedExitCode), { once: true });
      });
      return {
        exit: Promise.race([live(), ended]),
        log: async () => Buffer.from(printed),
        async kill() {
          ending.abort(new Error('The container is ended'));
        },
      };
    }

    const plan = (container: ContainerStart, group: EngineGroup): Planned => {
      const ending = new AbortController();
      const start: InstantStart = { ...container, group, signal: ending.signal };
      return { outcome: behavior(start), ending, start };
    };

    const open = async (group: EngineGroup): Promise<Sandbox> => {
      let first: Planned | undefined = plan(group.first, group);
      const processes: EngineProcess[] = [];
      return {
        pullMs: first.outcome.pullMs,
        warning: undefined,
        async start(container) {
          const isFirst = container.name === group.first.name && container.start === group.first.start;
          const planned = (isFirst ? first : undefined) ?? plan(container, group);
          if (isFirst) first = undefined;
          const process = run(container, group, planned);
          processes.push(process);
          return process;
        },
        async close() {
          await Promise.all(processes.map((process) => process.kill(0)));
        },
      };
    };

    const engine: Engine = {
      hasImage: async (image) => hasImage(image),
      images: async () => [],
      open,
      close: async () => undefined,
    };
    return engine;
  };
}

interface Planned {
  readonly outcome: Outcome;
  readonly ending: AbortController;
  readonly start: InstantStart;
}
