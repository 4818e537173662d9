import { Agent, request } from 'node:http';

import type { SteadyFigures } from './steady-caller.ts';

const everyMs = 50;

const [, , url = '', key = '', patience = ''] = process.argv;
const patienceMs = Number(patience);
const agent = new Agent({ keepAlive: true });
const latencies: number[] = [];
const problems: string[] = [];
let sent = 0;
let lastAnswer = performance.now();
let gapMs = 0;

interface Call {
  method: string;
  path: string;
  body?: string;
  isRight(answer: Record<string, unknown>): boolean;
}

const calls: readonly Call[] = [
  { method: 'GET', path: '/healthz', isRight: ({ status }) => status === 'ok' },
  {
    method: 'POST',
    path: '/api/tasks/Steady/plan',
    body: JSON.stringify({ parameters: [{ name: 'Text', value: 'steady' }] }),
    isRight: ({ taskName, parameters }) => taskName === 'Steady' && JSON.stringify(parameters).includes('"steady"'),
  },
];

function ask({ method, path, body, isRight }: Call): Promise<void> {
  sent += 1;
  const began = performance.now();
  return new Promise((resolve) => {
    const done = (problem: string | undefined): void => {
      const now = performance.now();
      if (problem === undefined) latencies.push(now - began);
      else if (problems.length < 5) problems.push(`${method} ${path}: ${problem} after ${Math.round(now - began)} ms`);
      gapMs = Math.max(gapMs, now - lastAnswer);
      lastAnswer = now;
      resolve();
    };
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const asked = request(url + path, { method, agent, headers, timeout: patienceMs }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isGood = answer.statusCode === 200 && isRight(JSON.parse(text) as Record<string, unknown>);
        done(isGood ? undefined : `${answer.statusCode} ${text.slice(0, 300)}`);
      });
      answer.on('error', (error) => done(error.message));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', (error: Error & { code?: string }) => {
      // A kept connection may end just when it is used again: then nothing was heard, and the question is asked again.
      if (asked.reusedSocket && error.code === 'ECONNRESET') {
        sent -= 1;
        resolve(ask({ method, path, isRight, ...(body === undefined ? {} : { body }) }));
      } else done(error.message);
    });
    asked.end(body);
  });
}

const under = new Set<Promise<void>>();
let turn = 0;
const timer = setInterval(() => {
  const call = calls[(turn += 1) % calls.length];
  // Whoever hears nothing does not ask without end.
  if (call === undefined || under.size >= 200) return;
  const asked = ask(call);
  under.add(asked);
  asked.finally(() => under.delete(asked)).catch(() => undefined);
}, everyMs / calls.length);

async function figures(): Promise<SteadyFigures> {
  clearInterval(timer);
  await Promise.all(under);
  gapMs = Math.max(gapMs, performance.now() - lastAnswer);
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 10) / 10;
  return {
    sent,
    answered: latencies.length,
    problems,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    gapMs: Math.round(gapMs),
  };
}

process.on('message', () => {
  figures().then((told) => process.send?.(told), console.error);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
