import { createServer as createHttp } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';

import { makeCertificate } from './certificate.ts';
import { scaledClock } from './clock.ts';
import type { EmulatorClock } from './clock.ts';
import type { EngineFactory } from './engine.ts';
import { createGroups } from './groups.ts';
import { instantEngine } from './instant-engine.ts';
import { seededRandom } from './random.ts';
import { requestHandler } from './request-handler.ts';
import type { RequestRecord } from './request-handler.ts';
import { regionName } from './group-request.ts';
import { createRoutes } from './routes.ts';
import { createSwitches } from './switches.ts';
import type { Switches, SwitchValues } from './switches.ts';

export { dockerEngine } from './docker-engine.ts';
export type { DockerEngineOptions } from './docker-engine.ts';
export { instantEngine } from './instant-engine.ts';
export type { Behavior, InstantEngineOptions, InstantStart, Outcome } from './instant-engine.ts';
export { manualClock } from './manual-clock.ts';
export type { ManualClock } from './manual-clock.ts';
export { scaledClock } from './clock.ts';
export type { EmulatorClock } from './clock.ts';
export type { ContainerStart, EngineFactory, EngineGroup } from './engine.ts';
export type { RequestRecord } from './request-handler.ts';
export type { Rate } from './rate.ts';
export type { SwitchName, Switches, SwitchValues } from './switches.ts';

export interface EmulatorOptions {
  /** What groups are made of; {@link instantEngine} unless given. */
  readonly engine?: EngineFactory;
  /** 0, and so any free one, unless given. */
  readonly port?: number;
  /** Address to listen on, `127.0.0.1` unless given. */
  readonly host?: string;
  /** Speak https, with a certificate made for the occasion or the given one (PEM). Bearer tokens are demanded then. */
  readonly tls?: boolean | { readonly key: string; readonly cert: string };
  /** Time; {@link scaledClock} unless given. */
  readonly clock?: EmulatorClock;
  /** How many times faster than outside time goes, where no clock is given. */
  readonly factor?: number;
  /** Of all chance: the same seed and the same requests give the same faults. 1 unless given. */
  readonly seed?: number;
  /** Where groups can be; a handful of real regions unless given. */
  readonly regions?: readonly string[];
  readonly switches?: Partial<SwitchValues>;
  /** Gets what people should know, a line at a time. Nothing is printed unless given. */
  readonly log?: (line: string) => void;
}

export interface Emulator {
  /** Scheme, host and port: the `endpoint` of the SDK. */
  readonly url: string;
  /** The certificate to trust (PEM), where it speaks https. */
  readonly ca: string | undefined;
  readonly clock: EmulatorClock;
  /** To be changed at any time. */
  readonly switches: Switches;
  /** Every request so far, in the order in which they came. */
  readonly requests: readonly RequestRecord[];
  /** Cuts all connections, ends and removes all containers. */
  close(): Promise<void>;
}

export const defaultRegions = ['westus', 'westus2', 'eastus', 'eastus2', 'northeurope', 'westeurope'] as const;

/** Real milliseconds. Node's five seconds end connections just when a busy client takes them up again: faults are for the switches to make. */
const keepAliveMs = 120_000;

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/** Starts an emulator of Azure Container Instances, as Azure Resource Manager shows it. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { port = 0, host = '127.0.0.1', tls = false, seed = 1, log = () => undefined } = options;
  const clock = options.clock ?? scaledClock(options.factor);
  const random = seededRandom(seed);
  const switches = createSwitches(options.switches ?? {}, random);
  const regions = (options.regions ?? defaultRegions).map(regionName);
  const engine = (options.engine ?? instantEngine())({ clock, random, log });
  const services = { clock, random, switches, engine, log };
  const groups = createGroups(services, regions);
  const routes = createRoutes({ groups, switches, engine, regions });
  const requests: RequestRecord[] = [];

  const pair =
    tls === true ? makeCertificate(['localhost'], ['127.0.0.1', '::1', ...(host === '0.0.0.0' ? [] : [host])]) : tls;
  const handle = requestHandler({ services, routes, requests, secure: pair !== false });
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch((error: unknown) => {
      log(`A request failed in the emulator: ${String(error)}`);
      response.destroy();
    });
  };
  const server = pair === false ? createHttp(listener) : createHttps(pair, listener);
  server.keepAliveTimeout = keepAliveMs;
  const bound = await listen(server, port, host);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    server.closeAllConnections();
    await groups.close();
    await engine.close();
    await closed;
  };
  return {
    url: `${pair === false ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    ca: pair === false ? undefined : pair.cert,
    clock,
    switches,
    requests,
    close: () => (closing ??= close()),
  };
}
