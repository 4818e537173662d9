import { faultKinds, type Call, type FaultKind } from './injector.ts';

interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** A service as it is seen on the way to it. */
export interface Wire {
  name: string;
  kinds: readonly FaultKind[];
  /** How the service says it. */
  words: Record<'failed' | 'throttled' | 'unavailable', Refusal>;
  /** The request without what differs from one of its kind to the next. */
  describe(method: string, url: string): Pick<Call, 'method' | 'subject'>;
  /** Whether what it answers to this may have been overtaken by the time. */
  mayBeStale(url: string): boolean;
  /** Whether its answer goes on for as long as somebody listens. */
  isStream(url: string): boolean;
}

const all: readonly FaultKind[] = faultKinds.filter((kind) => kind !== 'staleRead');
const never = (): boolean => false;

/** One path is one thing: an entity, a blob, a queue, a container group. Queries differ in what they ask of it. */
const byPath: Wire['describe'] = (method, url) => {
  const { pathname, searchParams } = new URL(url, 'http://wire');
  const detail = ['comp', 'restype'].flatMap((name) => searchParams.get(name) ?? []);
  return { method: [method, ...detail].join(' '), subject: pathname };
};

/** Source: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes */
function storageWords(body: (code: string) => string, type: string): Wire['words'] {
  const refusal = (status: number, code: string, more: Record<string, string> = {}): Refusal => ({
    status,
    headers: { 'content-type': type, 'x-ms-error-code': code, ...more },
    body: body(code),
  });
  return {
    failed: refusal(500, 'OperationTimedOut'),
    throttled: refusal(429, 'TooManyRequests', { 'retry-after': '1' }),
    unavailable: refusal(503, 'ServerBusy', { 'retry-after': '1' }),
  };
}

const xml = storageWords(
  (code) => `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>as told</Message></Error>`,
  'application/xml',
);
const odata = storageWords(
  (code) => JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value: 'as told' } } }),
  'application/json',
);

/** Storage is strongly consistent, so nothing it answers is stale. */
const storage = { kinds: all, describe: byPath, mayBeStale: never, isStream: never };

const arm = (code: string): string => JSON.stringify({ error: { code, message: 'as told' } });
const json = { 'content-type': 'application/json' };
const later = { ...json, 'retry-after': '1' };

export const azureWires = {
  blob: { name: 'blob', words: xml, ...storage },
  table: { name: 'table', words: odata, ...storage },
  queue: { name: 'queue', words: xml, ...storage },
  arm: {
    name: 'arm',
    kinds: faultKinds,
    words: {
      failed: { status: 504, headers: json, body: arm('GatewayTimeout') },
      throttled: { status: 429, headers: later, body: arm('TooManyRequests') },
      unavailable: { status: 503, headers: later, body: arm('ServiceUnavailable') },
    },
    describe: (method, url) => {
      const { method: what, subject = '' } = byPath(method, url);
      return { method: what, subject: subject.replace(/-\d+$/, '') };
    },
    // A group, or the list of them: what it answers may have been overtaken.
    mayBeStale: (url) => /\/containerGroups(?:\/[^/?]+)?(?:\?|$)/.test(url),
    isStream: never,
  },
} as const satisfies Record<string, Wire>;

const engine = JSON.stringify({ message: 'as told' });

/** What stands between a client and an engine that is not on its own machine speaks for it. */
export const dockerWire: Wire = {
  name: 'docker',
  kinds: faultKinds,
  words: {
    failed: { status: 504, headers: json, body: engine },
    throttled: { status: 429, headers: later, body: engine },
    unavailable: { status: 503, headers: later, body: engine },
  },
  describe: (method, url) => {
    const { pathname } = new URL(url, 'http://engine');
    const [, first = '', second = '', third = ''] = pathname.replace(/^\/v[\d.]+/, '').split('/');
    const isOne = first === 'containers' && second !== 'create' && second !== 'json';
    // What all attempts of a run have in common; an id says nothing of it.
    const subject = isOne && !/^[0-9a-f]{64}$/.test(second) ? second.replace(/-\d+$/, '') : '';
    return { method: `${method} ${first} ${isOne ? third : second}`, subject };
  },
  // The list comes from a snapshot that the engine renews; a container that is asked for is read anew.
  mayBeStale: (url) => /\/containers\/json/.test(url),
  isStream: (url) => /\/events(?:\?|$)|[?&]follow=(?:1|true)/.test(url),
};
