import { campaign, type CampaignFigures, type CampaignOptions } from './campaign.ts';
import { fixtureRuns } from './fixtures.ts';
import { fuzzWorld, type WorldOptions } from './fuzz-world.ts';
import type { ServerFigures } from './server-process.ts';
import { steadyCaller, type SteadyFigures } from './steady-caller.ts';

export interface FuzzRun {
  figures: CampaignFigures;
  steady: SteadyFigures;
  /** Containers that nobody who was answered has asked for. */
  containers: number;
  crashes: number;
  /** Bytes of the server after a collection of garbage: once it was warm, and at the end. */
  memory: { warm: Pick<ServerFigures, 'rss' | 'heapUsed'>; end: Pick<ServerFigures, 'rss' | 'heapUsed'> } | undefined;
  /** All that must not have been. Empty where all was well. */
  breaches: string[];
}

/** More than this, the heap may not grow while requests come and go. */
const heapGrowthBytes = 64 * 1024 * 1024;
const longestGapMs = 10_000;

/** One server, fuzzed, with a steady caller beside; afterwards its runs are held against the promise. */
export async function fuzzRun(options: CampaignOptions & WorldOptions): Promise<FuzzRun> {
  const { requests, hasKeys } = options;
  const world = await fuzzWorld(options);
  try {
    const caller = await steadyCaller(world.server.url, world.key, options.patienceMs);
    let warm: Promise<ServerFigures | undefined> | undefined;
    const figures = await campaign(world, {
      ...options,
      onProgress: (sent) => {
        if (sent >= requests / 5) warm ??= world.server.figures().catch(() => undefined);
        options.onProgress?.(sent);
      },
    });
    const steady = await caller.stop();
    const breaches = [
      ...figures.failures.map(
        ({ seed, path, request, why }) =>
          `${why}\n  asked: ${request}\n  again: npm run fuzz -- --seed ${seed} --path "${path}" --keys ${hasKeys ? 'on' : 'off'}`,
      ),
      ...(steady.answered === steady.sent ? [] : [`the steady caller: ${steady.problems.join('; ')}`]),
      ...(steady.gapMs < longestGapMs ? [] : [`the steady caller heard nothing for ${steady.gapMs} ms`]),
    ];
    const gone = world.server.ended();
    const crashes = gone === undefined ? 0 : 1;
    const isOver = figures.failures.some(({ isFinal }) => isFinal);
    if (gone !== undefined && !isOver) breaches.push(`the server is gone: ${gone}`);
    if (crashes > 0 || isOver) return { figures, steady, containers: 0, crashes, memory: undefined, breaches };

    const before = await warm;
    const end = await world.server.figures();
    const accepted = new Set([...end.accepted, ...end.others]);
    const unasked = end.createdFor.filter((id) => !accepted.has(id));
    const memory = { warm: before ?? end, end };
    breaches.push(
      ...unasked.map((id) => `a container was asked for, for ${id}, which is no run that was accepted`),
      ...unheard(figures, end),
      ...end.errors.map((error) => `the server logs an error: ${error}`),
      ...(memory.end.heapUsed - memory.warm.heapUsed < heapGrowthBytes
        ? []
        : [`the heap has grown from ${memory.warm.heapUsed} to ${memory.end.heapUsed} bytes`]),
      ...(await world.server.settle()),
    );
    return { figures, steady, containers: unasked.length, crashes, memory, breaches };
  } finally {
    await world.dispose();
  }
}

/** What was accepted must have been answered so, but for connections that ended before. */
function unheard({ heard, unanswered }: CampaignFigures, { accepted }: ServerFigures): string[] {
  const silent = accepted.filter((id) => !heard.has(id)).length;
  return silent <= unanswered + fixtureRuns ? [] : [`${silent} runs were accepted, and nobody was told so`];
}

/** The figures of several runs in one line. */
export function closingLine(runs: readonly FuzzRun[]): string {
  const sum = (of: (run: FuzzRun) => number): string =>
    runs.reduce((total, run) => total + of(run), 0).toLocaleString('en');
  const operations = new Set(
    runs.flatMap(({ figures }) => [...figures.statuses].filter(([, counts]) => counts.size > 0).map(([id]) => id)),
  );
  const p99 = Math.max(...runs.map(({ steady }) => steady.p99Ms));
  return [
    `${sum(({ figures }) => figures.sent)} requests`,
    `${operations.size} operations`,
    `${sum(({ figures }) => figures.heard.size)} accepted`,
    `${sum(({ figures }) => figures.serverErrors)} 5xx`,
    `${sum(({ crashes }) => crashes)} crashes`,
    `${sum(({ containers }) => containers)} containers`,
    `steady caller answered ${sum(({ steady }) => steady.answered)} of ${sum(({ steady }) => steady.sent)} (p99 ${p99} ms)`,
  ].join(', ');
}
