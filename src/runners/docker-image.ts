import type { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import { instant, type Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Cancelable } from '../core/ports/storage.ts';
import { StartRefused, type CreatedRunner } from '../core/ports/runner-driver.ts';
import type { DockerEngine } from './docker-engine.ts';
import { EngineAnswer, isAnswer } from './docker-errors.ts';
import { jsonLines } from './docker-json-lines.ts';
import { registryLogin } from './docker-registry-login.ts';

export interface ImageOptions extends Cancelable {
  /** Directory of Docker's own `config.json`. */
  configDirectory: string | undefined;
  clock: Clock;
  logger: Logger;
  progress: (phase: string) => void;
}

/** A pull that says nothing for so long has lost its registry. */
const silenceMs = 120_000;

const refused = [400, 401, 403, 404, 409, 500, 502, 503, 504];

/** What is known of an image that is there. The times are missing where it had been there before. */
export type ReadyImage = Pick<CreatedRunner, 'pulledAt' | 'pullMs'> & { imageDigest: string };

/** Digest of the image (or its id where it came from no registry), pulled first where the engine has none. */
export async function ensureImage(engine: DockerEngine, image: string, options: ImageOptions): Promise<ReadyImage> {
  const { clock } = options;
  const present = await inspectImage(engine, image, options);
  if (present !== undefined) return { imageDigest: present };
  const from = clock.monotonic();
  await pullImage(engine, image, options);
  const times = { pulledAt: instant(clock.now()), pullMs: Math.round(clock.monotonic() - from) };
  const pulled = await inspectImage(engine, image, options);
  if (pulled !== undefined) return { imageDigest: pulled, ...times };
  throw new StartRefused(
    'imageUnavailable',
    `The image ${image} was pulled and is not there: something removes images from this engine.`,
    { permanent: false },
  );
}

async function inspectImage(engine: DockerEngine, image: string, { signal }: Cancelable): Promise<string | undefined> {
  try {
    const found = await engine.call(`look at the image ${image}`, { signal, handles: [404] }, async (docker) =>
      docker.getImage(image).inspect(),
    );
    return digestOf(found, image);
  } catch (error) {
    if (isAnswer(error, 404)) return undefined;
    throw error;
  }
}

function digestOf({ RepoDigests, Id }: Pick<Dockerode.ImageInspectInfo, 'RepoDigests' | 'Id'>, image: string): string {
  const { repository } = splitReference(image);
  const own = (RepoDigests ?? []).find((digest) => digest.startsWith(`${repository}@`)) ?? RepoDigests?.[0];
  return own?.slice(own.indexOf('@') + 1) ?? Id;
}

async function pullImage(engine: DockerEngine, image: string, options: ImageOptions): Promise<void> {
  const { signal, clock, progress } = options;
  progress(`pulling ${image}`);
  const { host } = splitReference(image);
  const login = await registryLogin(host, options);
  const silent = new AbortController();
  const heard = clock.monotonic;
  let last = heard();
  const watchSilence = (): void => {
    const left = last + silenceMs - heard();
    if (left <= 0) silent.abort(new Error(`no progress for ${silenceMs / 1000} s`));
    else disarm = clock.after(left, watchSilence);
  };
  let disarm = clock.after(silenceMs, watchSilence);
  try {
    const stream = await engine.call(
      `pull ${image}`,
      { signal, handles: refused, timeoutMs: silenceMs },
      async (docker, abortSignal) => docker.createImage(login.auth ?? {}, { fromImage: withTag(image), abortSignal }),
    );
    const body = stream as Readable;
    const stop = AbortSignal.any(signal === undefined ? [silent.signal] : [signal, silent.signal]);
    const destroy = (): void => void body.destroy(stop.reason instanceof Error ? stop.reason : new Error('stopped'));
    stop.addEventListener('abort', destroy, { once: true });
    try {
      await followPull(
        body,
        image,
        (phase) => progress(phase),
        () => (last = heard()),
      );
    } finally {
      stop.removeEventListener('abort', destroy);
      body.destroy();
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof StartRefused) throw error;
    if (error instanceof PullFailed || error instanceof EngineAnswer)
      throw pullRefused(image, host, error, login.problem);
    throw new StartRefused(
      'imageUnavailable',
      `The pull of ${image} broke off (${messageOf(error)}). It is tried again where the task's retry has "start".`,
      { permanent: false, cause: error },
    );
  } finally {
    disarm();
  }
}

class PullFailed extends Error {}

/** The engine reports one JSON object a line; a failure after the start of the answer comes as one of them. */
async function followPull(
  body: Readable,
  image: string,
  progress: (phase: string) => void,
  heard: () => void,
): Promise<void> {
  const layers = new Map<string, boolean>();
  let said = '';
  for await (const report of jsonLines(body) as AsyncGenerator<PullReport>) {
    heard();
    if (report.error !== undefined) throw new PullFailed(report.error);
    if (report.id === undefined) continue;
    if (report.status === 'Pulling fs layer') layers.set(report.id, false);
    if (report.status === 'Pull complete' || report.status === 'Already exists') layers.set(report.id, true);
    const done = [...layers.values()].filter(Boolean).length;
    const phase = layers.size === 0 ? said : `pulling ${image}: ${done} of ${layers.size} layers`;
    if (phase !== said) progress(phase);
    said = phase;
  }
}

interface PullReport {
  status?: string;
  id?: string;
  error?: string;
}

/** What the engine says of a failed pull is prose. Permanent is what only a person can mend. */
function pullRefused(image: string, host: string, cause: Error, loginProblem: string | undefined): StartRefused {
  const text = cause.message;
  const said = `Docker says: ${text}`;
  const hint = loginProblem === undefined ? '' : ` ${loginProblem}`;
  const login = host === dockerHub ? 'docker login' : `docker login ${host}`;
  if (/toomanyrequests|rate limit/i.test(text)) {
    return refusal(
      `The registry of ${image} lets nobody pull more at the moment; "${login}" raises the limit. ${said}${hint}`,
      false,
      cause,
    );
  }
  if (
    /unauthorized|authentication required|no basic auth|forbidden|access denied.*denied|denied: /i.test(text) ||
    isAnswer(cause, 401) ||
    isAnswer(cause, 403)
  ) {
    return refusal(
      `The registry does not let this Errand pull ${image}: run "${login}" as the user that Errand runs as, or check dockerImage. ${said}${hint}`,
      true,
      cause,
    );
  }
  if (
    /not found|manifest unknown|does not exist|no matching manifest|name unknown|invalid reference/i.test(text) ||
    isAnswer(cause, 404)
  ) {
    return refusal(
      `The image ${image} is not there: check the name and tag in dockerImage, run "${login}" if it is private, or build it on this machine ("docker build -t ${image} …"). ${said}${hint}`,
      true,
      cause,
    );
  }
  return refusal(
    `The image ${image} could not be pulled: check that this machine reaches ${host}. ${said}${hint}`,
    false,
    cause,
  );
}

function refusal(message: string, permanent: boolean, cause: Error): StartRefused {
  return new StartRefused('imageUnavailable', message, { permanent, cause });
}

export const dockerHub = 'docker.io';

/** Registry host and repository of a reference. Source: the reference grammar of the distribution project: a first part with a dot, a port, or `localhost` is a host. */
export function splitReference(image: string): { host: string; repository: string } {
  const bare = image.split('@', 1)[0] ?? image;
  const slash = bare.indexOf('/');
  const first = slash === -1 ? '' : bare.slice(0, slash);
  const host = /[.:]/.test(first) || first === 'localhost' ? first : dockerHub;
  const colon = bare.lastIndexOf(':');
  return { host, repository: colon > slash ? bare.slice(0, colon) : bare };
}

/** Without a tag the engine would pull all tags there are. */
function withTag(image: string): string {
  if (image.includes('@')) return image;
  return splitReference(image).repository === image ? `${image}:latest` : image;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
