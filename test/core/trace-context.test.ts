import { trace } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';

import {
  contextOf,
  parseTraceContext,
  traceContextOf,
  traceEnvironment,
  traceIdOf,
} from '../../src/core/trace-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';
const valid = `00-${traceId}-${span}-01`;

describe('traceparent', () => {
  test.each([
    ['sampled', valid, valid],
    ['not sampled', `00-${traceId}-${span}-00`, `00-${traceId}-${span}-00`],
    ['with a random id', `00-${traceId}-${span}-03`, `00-${traceId}-${span}-03`],
    ['with flags that nobody knows', `00-${traceId}-${span}-f9`, valid],
    ['of a later version', `cc-${traceId}-${span}-01`, valid],
    ['of a later version, with more', `cc-${traceId}-${span}-01-what-the-future-holds`, valid],
  ])('%s is taken', (_, text, taken) => {
    expect(parseTraceContext(text)).toEqual({ traceparent: taken });
  });

  test.each([
    ['', 'nothing'],
    [valid.toUpperCase(), 'capitals'],
    [`${valid}-`, 'more in version 00'],
    [`${valid}-01`, 'more in version 00'],
    [`cc-${traceId}-${span}-01.what`, 'no hyphen before what is more'],
    [`ff-${traceId}-${span}-01`, 'the version that is none'],
    [`0-${traceId}-${span}-01`, 'a short version'],
    [`00-${'0'.repeat(32)}-${span}-01`, 'a trace of zeros'],
    [`00-${traceId}-${'0'.repeat(16)}-01`, 'a parent of zeros'],
    [`00-${traceId.slice(1)}-${span}-01`, 'a short trace'],
    [`00-${traceId}-${span}a-01`, 'a long parent'],
    [`00-${traceId}-${span}-1`, 'short flags'],
    [`00-${traceId}-${span}-0g`, 'flags that are no number'],
    [`00-${traceId}${span}-01`, 'a hyphen that is missing'],
    [` ${valid}`, 'a space before'],
    [`${valid}\n`, 'a line end'],
    [`${valid}, ${valid}`, 'two of them'],
  ])('%j is none: %s', (text) => {
    expect(parseTraceContext(text, 'vendor=1')).toBeUndefined();
  });
});

describe('tracestate', () => {
  const stateOf = (text: string): string | undefined => parseTraceContext(valid, text)?.tracestate;

  test.each([
    ['rojo=00f067aa0ba902b7', 'rojo=00f067aa0ba902b7'],
    ['rojo=1,congo=t61rcWkgMzE', 'rojo=1,congo=t61rcWkgMzE'],
    [' rojo=1 \t, congo=2', 'rojo=1,congo=2'],
    ['rojo=1,,congo=2,', 'rojo=1,congo=2'],
    ['fw529a3039@dt=FfAAAAAACQ', 'fw529a3039@dt=FfAAAAAACQ'],
    ['1tenant@system=a b', '1tenant@system=a b'],
    ['a_b-c*d/e=~!', 'a_b-c*d/e=~!'],
  ])('%j is taken', (text, taken) => {
    expect(stateOf(text)).toBe(taken);
  });

  test.each(['', ' , ', 'rojo', '=1', 'Rojo=1', 'rojo=1=2', 'rojo=ä', 'rojo=a\u0000', `rojo=${'a'.repeat(600)}`])(
    '%j is left out, and the parent is taken all the same',
    (text) => {
      expect(parseTraceContext(valid, text)).toEqual({ traceparent: valid });
    },
  );

  test('keeps the members that are valid, 32 at most', () => {
    expect(stateOf('rojo=1,Congo=2,verde=3')).toBe('rojo=1,verde=3');
    const members = Array.from({ length: 33 }, (_, at) => `a${at}=1`);
    expect(stateOf(members.join(','))?.split(',').toSorted()).toEqual(members.slice(0, 32).toSorted());
  });
});

test('what a span hands on without an SDK is what its parent was', () => {
  const given = parseTraceContext(valid, 'rojo=1,congo=2');
  const inner = trace.getTracer('test').startSpan('inner', {}, contextOf(given));
  expect(traceContextOf(inner)).toEqual({ traceparent: valid, tracestate: 'rojo=1,congo=2' });
  expect(traceContextOf(trace.getTracer('test').startSpan('alone', {}, contextOf(undefined)))).toBeUndefined();
});

test('a process is told by its environment', () => {
  expect(traceEnvironment(undefined)).toEqual({});
  expect(traceEnvironment({ traceparent: valid })).toEqual({ TRACEPARENT: valid });
  const both = { traceparent: valid, tracestate: 'rojo=1' };
  expect(traceEnvironment(both)).toEqual({ TRACEPARENT: valid, TRACESTATE: 'rojo=1' });
  expect(traceIdOf(both)).toBe(traceId);
});
