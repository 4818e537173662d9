import type { EmulatorClock } from './clock.ts';
import type { MetadataEndpoint } from './metadata-endpoint.ts';
import type { Random } from './random.ts';

/** One start of one container, with everything in the clear: this is what runs. */
export interface ContainerStart {
  readonly name: string;
  readonly image: string;
  /** Replaces the image's entry point and arguments; empty leaves them. */
  readonly command: readonly string[];
  /** Plain and secure values alike. */
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly volume: string; readonly path: string; readonly readOnly: boolean }[];
  /** CPUs; undefined where there is no limit of its own. */
  readonly cpu: number | undefined;
  readonly memoryInGB: number | undefined;
  /** 1 for the first start of this container, 2 for the first restart, and so on. */
  readonly start: number;
}

export type EngineVolume =
  | { readonly kind: 'emptyDir' }
  | { readonly kind: 'secret'; readonly files: ReadonlyMap<string, Buffer> };

/** What is the same for all containers of a group. */
export interface EngineGroup {
  readonly name: string;
  readonly resourceGroup: string;
  /** Normalised, as `westus`. */
  readonly region: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly volumes: ReadonlyMap<string, EngineVolume>;
  /** Undefined for a group without an identity. */
  readonly metadata: MetadataEndpoint | undefined;
  /** Emulated milliseconds from the first container's start until {@link metadata} takes connections. */
  readonly identityDelayMs: number;
  readonly first: ContainerStart;
}

export interface EngineProcess {
  /** Exit code; 128 plus the signal where one ended it. Never rejects. */
  readonly exit: Promise<number>;
  /** What it printed, both streams together, at least the last `bytes`. */
  log(options: { bytes: number; timestamps: boolean }): Promise<Buffer>;
  /** Ends it: SIGTERM, and SIGKILL after `graceMs` real milliseconds. Resolves when it is gone. */
  kill(graceMs: number): Promise<void>;
}

/** Where the containers of one group live: one network, its volumes. */
export interface Sandbox {
  /** Emulated milliseconds that the pull of the images takes; undefined leaves it to the switches. */
  readonly pullMs: number | undefined;
  /** Something that the group's events should tell. */
  readonly warning: string | undefined;
  start(container: ContainerStart): Promise<EngineProcess>;
  /** Removes everything. Resolves when it is gone; may be called twice. */
  close(): Promise<void>;
}

export interface Engine {
  hasImage(image: string): Promise<boolean>;
  /** Names of images that are there, for the list of cached images. */
  images(): Promise<string[]>;
  open(group: EngineGroup): Promise<Sandbox>;
  close(): Promise<void>;
}

export interface EngineServices {
  readonly clock: EmulatorClock;
  readonly random: Random;
  readonly log: (line: string) => void;
}

/** Engines are made by the emulator that uses them, from its clock and its chance. */
export type EngineFactory = (services: EngineServices) => Engine;
