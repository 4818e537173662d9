import type { Declared, Question } from './question.ts';

type Definition = Pick<Question, 'declared' | 'definition'>;

/** A mistake that an author makes, in one parameter or in the document. */
export type Mistake = (definition: Definition, at: number) => Definition;

const inParameter =
  (fields: Declared): Mistake =>
  ({ declared, definition }, at) => ({
    declared:
      declared.length === 0
        ? [{ parameterName: 'Only', parameterType: 'string', ...fields }]
        : declared.map((each, index) => (index === at % declared.length ? { ...each, ...fields } : each)),
    definition,
  });

const inDocument =
  (fields: Readonly<Record<string, unknown>>): Mistake =>
  ({ declared, definition }) => ({ declared, definition: { ...definition, ...fields } });

const add =
  (...parameters: readonly Declared[]): Mistake =>
  ({ declared, definition }) => ({ declared: [...declared, ...parameters], definition });

/** Names that a parameter may not have, and those that are no names of variables. */
const badNames = [
  'PATH',
  'IFS',
  'LD_PRELOAD',
  'ERRAND_TOKEN',
  'npm_config',
  '',
  '1st',
  'a-b',
  '_a',
  'a_',
  'É',
  5,
  null,
];

const text = 'string';

export const mistakes: readonly Mistake[] = [
  ...badNames.map((parameterName) => inParameter({ parameterName })),
  inParameter({ parameterName: 'X'.repeat(64) }),
  inParameter({ parameterType: 'text' }),
  inParameter({ parameterType: undefined }),
  inParameter({ color: 'red' }),
  inParameter({ required: 'yes' }),
  inParameter({ default: null }),
  inParameter({ default: 'bell\u0007' }),
  inParameter({ parameterType: text, pattern: '^a$', default: 'b' }),
  inParameter({ enum: [] }),
  inParameter({ enum: ['a\u0000', 'b'] }),
  inParameter({ pattern: '(?=a)' }),
  inParameter({ pattern: '(' }),
  inParameter({ pattern: '' }),
  inParameter({ minLength: 3, maxLength: 2 }),
  inParameter({ minLength: -1 }),
  inParameter({ maxLength: 32_769 }),
  inParameter({ minimum: 5, maximum: 1 }),
  inParameter({ minimum: '5' }),
  inParameter({ valueFrom: 'env:PATH' }),
  inParameter({ parameterType: text, valueFrom: 'file:token' }),
  inParameter({ parameterType: 'secret', default: 'hunter2' }),
  inParameter({ parameterType: 'secret', enum: ['hunter2'] }),
  inParameter({ parameterType: 'int', default: '1.0' }),
  inParameter({ parameterType: 'boolean', enum: ['yes'] }),
  add({ parameterName: 'Twice', parameterType: text }, { parameterName: 'Twice', parameterType: 'int' }),
  add({}, { parameterName: 'Alone' }),
  add(...Array.from({ length: 101 }, (_, at) => ({ parameterName: `P${at}x`, parameterType: text }))),
  inDocument({ dockerImage: 'Not An Image' }),
  inDocument({ dockerImage: undefined }),
  inDocument({ scriptName: '../door.sh' }),
  inDocument({ scriptName: 'door.json' }),
  inDocument({ environment: { LD_PRELOAD: 'x', UID: '0', A: 'a\u0000', constructor: 'x', 'a b': 'x' } }),
  inDocument({ environment: { LD_PRELOAD: 'x', UID: '0', A: 'a\u0000', constructor: 'x' } }),
  inDocument({ environment: { Only: 'x', Name: 'y', name: 'z', PATH: 'x'.repeat(32_769) } }),
  inDocument({ timeouts: { runSeconds: 0, startSeconds: 1e9, soon: 1 } }),
  inDocument({ timeouts: { runSeconds: 60, totalSeconds: 30 } }),
  inDocument({ retry: { maxAttempts: 2 } }),
  inDocument({ retry: { on: ['exit'], exitCodes: [0] } }),
  inDocument({ concurrency: { limit: 1, key: 'Nobody' } }),
  inDocument({ resources: { cpu: 100, memoryInGB: 'much' } }),
  inDocument({ hints: { readOnly: true, destructive: true } }),
  inDocument({ color: 'red' }),
  inDocument({ scriptParameters: 'none' }),
  inDocument({ taskName: 'Another' }),
];
