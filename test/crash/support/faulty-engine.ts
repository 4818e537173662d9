import {
  createServer,
  request,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { join } from 'node:path';

export interface EngineRequest {
  /** `POST /containers/{runner}/start` */
  what: string;
  /** Name or id of the container, as it was asked for. */
  container: string | undefined;
  status: number;
  /** What the engine answered, where that was JSON. */
  answer: unknown;
}

/** What becomes of a request or its answer: it goes on (perhaps only when the promise is there), or nobody ever hears of it. */
export type Verdict = 'pass' | 'drop';

export interface FaultyEngine {
  /** DOCKER_HOST for the victim, whose requests and answers are crash points. */
  victimHost: string;
  survivorHost: string;
  /** All that the engine has answered, to whomever. */
  answered: readonly EngineRequest[];
  /** Names of containers that the engine has been asked to create and has not answered, whether or not anybody still waits for that. */
  creating(): string[];
  close(): Promise<void>;
}

export interface FaultyEngineOptions {
  /** Of the sockets. */
  directory: string;
  /** DOCKER_HOST of the real engine. */
  dockerHost: string;
  /** Directory that every runner gets as `/tally`, so that its executions are counted where Errand does not look. */
  tally: string;
  /** At each point of a request of the victim: before it reaches the engine, and before its answer reaches the victim. */
  judge(point: string): Promise<Verdict>;
}

const canaryName = 'errand-canary-';

/** Stands between Errand and a Docker engine, so that a process can die with half of its requests done. */
export async function faultyEngine(options: FaultyEngineOptions): Promise<FaultyEngine> {
  const upstream = connectionOptions(options.dockerHost);
  const answered: EngineRequest[] = [];
  const canaries = new Set<string>();
  const counts = new Map<string, number>();
  const underWay = new Set<ClientRequest>();
  const creating: string[] = [];

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse, isVictim: boolean): Promise<void> {
    const asked = read(incoming.url ?? '/', incoming.method ?? 'GET', canaries);
    const point = isVictim ? numbered(`engine.${asked.what}`) : undefined;
    let body = await bytesOf(incoming);
    if (point !== undefined && (await options.judge(`${point}:before`)) === 'drop') return void outgoing.destroy();
    if (asked.creates) body = withTally(body, options.tally);

    const response = await (asked.creates ? create(asked.container ?? '', incoming, body) : send(incoming, body));
    if (asked.isStream) {
      const isDropped = point !== undefined && (await options.judge(`${point}:after`)) === 'drop';
      if (isDropped || outgoing.destroyed) {
        outgoing.destroy();
        response.destroy();
        return;
      }
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      outgoing.flushHeaders();
      outgoing.on('close', () => response.destroy());
      response.on('error', () => outgoing.destroy());
      response.pipe(outgoing);
      return;
    }
    const answer = await bytesOf(response);
    const status = response.statusCode ?? 500;
    const parsed = parse(answer);
    if (asked.creates && asked.container?.startsWith(canaryName) === true) canaries.add(idOf(parsed) ?? '');
    answered.push({ what: asked.what, container: asked.container, status, answer: parsed });
    if (point !== undefined && (await options.judge(`${point}:after`)) === 'drop') return void outgoing.destroy();
    const { 'transfer-encoding': _, ...headers } = response.headers;
    outgoing.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': answer.length }) });
    outgoing.end(answer);
  }

  function numbered(what: string): string {
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    return `${what}:${count}`;
  }

  function send({ url, method, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { 'transfer-encoding': _, ...kept } = headers;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const onward = request({
      ...upstream,
      path: url,
      method,
      agent: false,
      headers: { ...kept, ...(body.length === 0 ? {} : { 'content-length': body.length }) },
    });
    onward.once('response', resolve);
    onward.once('error', reject);
    underWay.add(onward);
    onward.once('close', () => underWay.delete(onward));
    onward.end(body);
    return promise;
  }

  async function create(name: string, incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    creating.push(name);
    try {
      return await send(incoming, body);
    } finally {
      creating.splice(creating.indexOf(name), 1);
    }
  }

  async function listen(name: string, isVictim: boolean) {
    const server = createServer((incoming, outgoing) => {
      // A process that died does not take back what it had asked for: the engine gets it all the same.
      serve(incoming, outgoing, isVictim).catch(() => outgoing.destroy());
    });
    const path = join(options.directory, name);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(path, resolve);
    await promise;
    return { host: `unix://${path}`, server };
  }

  const victim = await listen('victim.sock', true);
  const survivor = await listen('survivor.sock', false);
  return {
    victimHost: victim.host,
    survivorHost: survivor.host,
    answered,
    creating: () => [...creating],
    close: async () => {
      for (const onward of underWay) onward.destroy();
      for (const { server } of [victim, survivor]) {
        server.closeAllConnections();
        const { promise, resolve } = Promise.withResolvers<void>();
        server.close(() => resolve());
        await promise;
      }
    },
  };
}

interface Asked {
  what: string;
  container: string | undefined;
  creates: boolean;
  isStream: boolean;
}

/** The request without what differs from run to run. */
function read(url: string, method: string, canaries: ReadonlySet<string>): Asked {
  const { pathname, searchParams } = new URL(url, 'http://engine');
  const [, first = '', second, third] = pathname.replace(/^\/v[\d.]+/, '').split('/');
  const isStream = first === 'events';
  if (first !== 'containers' || second === undefined || second === 'json') {
    const name = second === undefined ? '' : `/{${first.replace(/s$/, '')}}`;
    const list = second === 'json' || second === 'create' ? `/${second}` : name;
    return { what: `${method} /${first}${list}`, container: undefined, creates: false, isStream };
  }
  const creates = second === 'create';
  const container = creates ? (searchParams.get('name') ?? '') : second;
  const isCanary = container.startsWith(canaryName) || canaries.has(container);
  const kind = isCanary ? '{canary}' : '{runner}';
  const what = creates
    ? `${method} /containers/create ${kind}`
    : `${method} /containers/${kind}${third === undefined ? '' : `/${third}`}`;
  return { what, container, creates, isStream };
}

/** Only runners: the canary must be what Errand made it. */
function withTally(body: Buffer, tally: string): Buffer {
  const options = parse(body) as { Labels?: Record<string, string>; HostConfig?: { Mounts?: unknown[] } };
  if (options.Labels?.['errand.run'] === undefined) return body;
  const mount = { Type: 'bind', Source: tally, Target: '/tally' };
  const host = { ...options.HostConfig, Mounts: [...(options.HostConfig?.Mounts ?? []), mount] };
  return Buffer.from(JSON.stringify({ ...options, HostConfig: host }));
}

function idOf(answer: unknown): string | undefined {
  return typeof answer === 'object' && answer !== null && 'Id' in answer ? String(answer.Id) : undefined;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

function connectionOptions(dockerHost: string): RequestOptions {
  if (dockerHost.startsWith('unix://')) return { socketPath: dockerHost.slice('unix://'.length) };
  const { hostname, port } = new URL(dockerHost);
  return { host: hostname, port: port === '' ? 2375 : Number(port) };
}
