import type Dockerode from 'dockerode';
import type { RunnerSpec } from '../core/ports/runner-driver.ts';

/** Labels that tell our containers from all others, and whose they are. */
export const runnerLabels = {
  run: 'errand.run',
  attempt: 'errand.attempt',
  instance: 'errand.instance',
  task: 'errand.task',
} as const;

/** What is the same for every task. */
export const containerLimits = {
  processes: 512,
  /** Docker's own copy of the output: two files of this size, whatever is printed. The complete log is in the exchange. */
  engineLogSize: '1m',
  engineLogFiles: '2',
  /** An engine without privileges cannot raise its own hard limit, and the kernel's lowest default is 4096. */
  openFiles: { soft: 1024, hard: 4096 },
  /** The largest file that a task can write: 8 GiB. */
  fileBytes: 8 * 1024 ** 3,
  /** `/tmp` where the root is read-only; counts against the memory. */
  temporarySize: '256m',
} as const;

export const runnerScriptTarget = '/usr/local/bin/script-runner.sh';
export const exchangeTarget = '/errand';
export const executableTarget = '/errand-executable';

/** How much longer than the task's own grace the engine waits between TERM and KILL: the runner ends the task and still has to leave its result. */
export const graceMarginSeconds = 5;

export interface HostFacts {
  /** Paths as the engine's host sees them. */
  runnerScript: string;
  exchange: { directory: string; executable: string } | undefined;
  /** Id of a network on which containers cannot reach each other. */
  network: string | undefined;
  /** CPUs of the engine: it refuses a limit above them. */
  cpus: number;
}

/** The request that creates the container of one attempt. */
export function toContainerOptions(spec: RunnerSpec, host: HostFacts): Dockerode.ContainerCreateOptions {
  const { access, container } = spec;
  const memory = Math.round(spec.resources.memoryInGB * 1024 ** 3);
  return {
    name: spec.name,
    Image: spec.image,
    Entrypoint: ['/bin/sh', runnerScriptTarget],
    Cmd: access.kind === 'directory' ? [exchangeTarget] : [],
    ...(access.kind === 'signedUrls'
      ? { Env: Object.entries({ ...access.plain, ...access.secure }).map(([key, value]) => `${key}=${value}`) }
      : {}),
    ...(container.user === undefined ? {} : { User: container.user }),
    Labels: {
      [runnerLabels.run]: spec.runId,
      [runnerLabels.attempt]: String(spec.attempt),
      [runnerLabels.instance]: spec.instanceId,
      [runnerLabels.task]: spec.taskName,
    },
    Tty: false,
    OpenStdin: false,
    // An image may ask for another signal than the one the runner passes on.
    StopSignal: 'SIGTERM',
    StopTimeout: spec.graceSeconds + graceMarginSeconds,
    // A health check of the image would be another process that nobody asked for.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Mounts: mounts(host),
      NetworkMode: container.network === 'none' ? 'none' : (host.network ?? 'none'),
      CapDrop: ['ALL'],
      CapAdd: [...container.capabilities],
      SecurityOpt: ['no-new-privileges:true'],
      Privileged: false,
      PublishAllPorts: false,
      IpcMode: 'private',
      Init: true,
      RestartPolicy: { Name: 'no' },
      PidsLimit: containerLimits.processes,
      NanoCpus: Math.round(Math.min(spec.resources.cpu, host.cpus) * 1e9),
      Memory: memory,
      MemorySwap: memory,
      Ulimits: [
        { Name: 'nofile', Soft: containerLimits.openFiles.soft, Hard: containerLimits.openFiles.hard },
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'fsize', Soft: containerLimits.fileBytes, Hard: containerLimits.fileBytes },
      ],
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': containerLimits.engineLogSize, 'max-file': containerLimits.engineLogFiles },
      },
      ReadonlyRootfs: container.readOnlyRoot,
      // Without mode=1777 a task that is not root could not write there.
      ...(container.readOnlyRoot
        ? { Tmpfs: { '/tmp': `rw,exec,nosuid,nodev,size=${containerLimits.temporarySize},mode=1777` } }
        : {}),
    },
  };
}

/** As mounts, not binds: the engine makes up a missing source of a bind, and refuses that of a mount. */
function mounts(host: HostFacts): Dockerode.MountConfig {
  const script = bind(host.runnerScript, runnerScriptTarget, true);
  if (host.exchange === undefined) return [script];
  return [
    script,
    bind(host.exchange.directory, exchangeTarget, false),
    bind(host.exchange.executable, executableTarget, true),
  ];
}

function bind(source: string, target: string, readOnly: boolean): Dockerode.MountSettings {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: readOnly, BindOptions: { Propagation: 'rprivate' } };
}
