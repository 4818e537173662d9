import fc from 'fast-check';

import { operationsOf } from './api-document.ts';
import type { FuzzWorld } from './fuzz-world.ts';
import { rawClient, type Outcome, type RawClient } from './raw-client.ts';
import { describeRequest, toBytes, type FormedRequest, type FuzzRequest } from './fuzz-request.ts';
import { requestArbitrary } from './request-arbitrary.ts';

export interface CampaignOptions {
  requests: number;
  seed: number;
  /** Place of one request within the seed, as a failure prints it: only this one is sent. */
  path?: string | undefined;
  /** How many are asked at once, each lane with a seed of its own. */
  lanes: number;
  /** How long an answer may take. */
  patienceMs?: number;
  /** One failure is enough: the other lanes stop. */
  stopsAtFirst?: boolean;
  onProgress?: (sent: number) => void;
}

export interface Failure {
  /** These reproduce it. */
  seed: number;
  path: string;
  request: string;
  why: string;
  /** The server is gone, or does not answer: nothing more can be asked of it. */
  isFinal: boolean;
}

export interface CampaignFigures {
  sent: number;
  /** Connections that ended without an answer, where that is the server's right. */
  unanswered: number;
  /** Operation → status → how often. */
  statuses: Map<string, Map<number, number>>;
  /** Runs that a 202 told of. */
  heard: Set<string>;
  serverErrors: number;
  failures: Failure[];
}

/** A body that is refused for its size may be answered while it is still on its way, and the answer lost with the connection. */
const sizeThatMayBreak = 256 * 1024;

/** Sends what fast-check makes of the document, and judges each answer. The first failure of a lane is made as small as it gets. */
export async function campaign(world: FuzzWorld, options: CampaignOptions): Promise<CampaignFigures> {
  const { requests, seed, path, lanes, patienceMs = 60_000, stopsAtFirst = false, onProgress } = options;
  const figures: CampaignFigures = {
    sent: 0,
    unanswered: 0,
    statuses: new Map(operationsOf(world.document).map(({ id }) => [id, new Map<number, number>()])),
    heard: new Set(),
    serverErrors: 0,
    failures: [],
  };
  const arbitrary = requestArbitrary(world.document);
  const alone = path !== undefined;
  const count = alone ? 1 : lanes;
  const share = alone ? 1 : Math.ceil(requests / lanes);
  let failing: number | undefined;

  async function lane(laneSeed: number): Promise<void> {
    const client = rawClient(world.server.url);
    let isOver = false;
    const property = fc.asyncProperty(arbitrary, async (request) => {
      // A server that is gone cannot tell a smaller request from a larger one.
      if (isOver || (stopsAtFirst && failing !== undefined && failing !== laneSeed)) return;
      const why = await sent(request, client, { world, figures, patienceMs });
      figures.sent += 1;
      onProgress?.(figures.sent);
      if (why === undefined) return;
      isOver = why.isFinal;
      failing ??= laneSeed;
      throw new Error(why.text);
    });
    const details = await fc.check(property, {
      seed: laneSeed,
      numRuns: share,
      ...(path === undefined ? {} : { path }),
      endOnFailure: alone,
    });
    client.close();
    if (!details.failed) return;
    figures.failures.push({
      seed: laneSeed,
      path: details.counterexamplePath ?? '',
      request: details.counterexample === null ? 'none' : describeRequest(details.counterexample[0]),
      why: details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance),
      isFinal: isOver,
    });
  }

  await Promise.all(Array.from({ length: count }, (_, index) => lane(seed + index)));
  return figures;
}

interface Sending {
  world: FuzzWorld;
  figures: CampaignFigures;
  patienceMs: number;
}

/** What was wrong, and whether nothing can be learned from this server any more. */
type Wrong = { text: string; isFinal: boolean } | undefined;

async function sent(request: FuzzRequest, client: RawClient, { world, figures, patienceMs }: Sending): Promise<Wrong> {
  const gone = (): Wrong => {
    const end = world.server.ended();
    return end === undefined ? undefined : { text: `the server is gone: ${end}`, isFinal: true };
  };
  if (request.kind === 'bytes') {
    const bytes = Buffer.from(world.fill(Buffer.from(request.bytes).toString('latin1')), 'latin1');
    const outcome = await client.send({ bytes: [bytes], method: '', patienceMs, last: true });
    if (outcome.kind !== 'answered') figures.unanswered += 1;
    if (gone() !== undefined) return gone();
    if (outcome.kind === 'silent') return { text: `the connection was left open for ${patienceMs} ms`, isFinal: false };
    const wrong = outcome.kind === 'answered' ? world.judge.judgeAny(outcome.answer) : undefined;
    return wrong === undefined ? undefined : { text: wrong, isFinal: false };
  }

  const formed = { ...request, target: world.fill(request.target) };
  // Waiting for the end of a run is no delay.
  const waits = /[?&]wait=/.test(formed.target);
  const outcome = await client.send({
    bytes: toBytes(formed, world.fill),
    method: formed.method,
    patienceMs: waits ? Math.min(300, patienceMs) : patienceMs,
  });
  if (gone() !== undefined) return gone();
  return judged(formed, outcome, { world, figures, patienceMs, waits });
}

/** Why a connection was lost: the server may have gone with it. */
async function orGone({ server }: FuzzWorld, wrong: Wrong): Promise<Wrong> {
  const end = await server.endedWithin(2_000);
  return end === undefined ? wrong : { text: `the server is gone: ${end}`, isFinal: true };
}

async function judged(
  { method, target, body = '' }: FormedRequest,
  outcome: Outcome,
  { world, figures, patienceMs, waits }: Sending & { waits: boolean },
): Promise<Wrong> {
  if (outcome.kind !== 'answered') {
    figures.unanswered += 1;
    if (outcome.kind === 'silent' && waits) return undefined;
    if (outcome.kind === 'closed' && Buffer.byteLength(body) > sizeThatMayBreak) return undefined;
    if (outcome.kind === 'silent') return { text: 'it was not answered', isFinal: true };
    return orGone(world, { text: `the connection was closed without an answer ${outcome.why}`, isFinal: false });
  }
  const { answer } = outcome;
  if (answer.status >= 500) figures.serverErrors += 1;
  const operation = world.judge.operationOf(method, target);
  const counts = operation === undefined ? undefined : figures.statuses.get(operation.id);
  counts?.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
  const wrong = world.judge.judge(method, target, answer);
  if (wrong !== undefined) return { text: `${wrong}\n${answer.status} ${answer.body.slice(0, 500)}`, isFinal: false };

  if (answer.status === 202 && answer.headers.has('location')) {
    const run = JSON.parse(answer.body) as { id: string; taskName: string };
    figures.heard.add(run.id);
    world.heard(run);
  }
  const task = /^\/api\/tasks\/([^/?]+)$/.exec(target.split('?')[0] ?? '')?.[1];
  if (task === undefined || method === 'GET' || answer.status >= 300) return undefined;
  return world.taskChanged(task, AbortSignal.timeout(patienceMs)).then(
    () => undefined,
    (error: unknown) => orGone(world, { text: `${task} could not be stored again: ${String(error)}`, isFinal: true }),
  );
}
