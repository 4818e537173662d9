import { signature } from '../../support/signature.ts';

/** A secret value with what differs between its encodings. */
export const canary = 'Zimt+Kardamom/4711?geheim';

export const scans = [
  'bodies of Resource Manager',
  'logs of runs',
  'answers of the API',
  'errors',
  'our own log',
  'messages of the queue',
  'tables at rest',
  'blobs at rest',
  'spans',
  'metrics',
] as const;
export type Scan = (typeof scans)[number];

export interface Evidence {
  /** Notes what an outsider can read there. */
  note(scan: Scan, text: string): void;
  /** Scans that came upon a signature or the secret, each with the first place. */
  found(): Partial<Record<Scan, string>>;
  /** Scans that had nothing to look at: they prove nothing. */
  empty(): Scan[];
}

const bytes = Buffer.from(canary);
/** The secret: as it is, and as what carries it may write it. */
const forms = [
  canary,
  encodeURIComponent(canary),
  JSON.stringify(canary).slice(1, -1),
  // In base64 the two bytes before decide how the rest looks: its middle at each of three positions.
  ...[0, 1, 2].map((at) =>
    Buffer.concat([Buffer.alloc(at), bytes])
      .toString('base64')
      .slice(at === 0 ? 0 : 4, -4),
  ),
  bytes.toString('hex'),
];

export function evidence(): Evidence {
  const noted = new Map<Scan, string[]>();
  return {
    note: (scan, text) => void noted.set(scan, [...(noted.get(scan) ?? []), text]),
    found: () =>
      Object.fromEntries(
        scans.flatMap((scan) => {
          const place = firstLeak(noted.get(scan)?.join('\n') ?? '');
          return place === undefined ? [] : [[scan, place]];
        }),
      ),
    empty: () => scans.filter((scan) => (noted.get(scan) ?? []).join('').trim() === ''),
  };
}

/** What stands around the first thing that should not be there. */
export function firstLeak(text: string): string | undefined {
  const places = [text.search(signature), ...forms.map((form) => text.indexOf(form))];
  const at = Math.min(...places.filter((index) => index >= 0));
  return Number.isFinite(at) ? text.slice(Math.max(at - 120, 0), at + 60) : undefined;
}
