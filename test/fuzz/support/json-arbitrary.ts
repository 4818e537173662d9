import fc from 'fast-check';

import { resolveSchema, type ApiDocument, type Schema } from './api-document.ts';
import { hostileTexts, knownWords, prototypeKeys } from './words.ts';

type Json = fc.Arbitrary<unknown>;

interface Making {
  document: ApiDocument;
  /** Bounds, and one beyond them, instead of what lies between. */
  edges: boolean;
  /** The named schemas that are being made: one within itself is cut off. */
  within: readonly string[];
}

/** Values that a schema of the document allows; with `edges` also those just beyond it. */
export function valueOf(document: ApiDocument, schema: Schema, options: { name?: string; edges?: boolean } = {}): Json {
  return make(schema, options.name, { document, edges: options.edges ?? false, within: [] });
}

function make(schema: Schema, name: string | undefined, making: Making): Json {
  const { $ref: reference } = schema;
  if (typeof reference === 'string') {
    if (making.within.includes(reference)) return fc.constantFrom(null, 'x', 1);
    const within = [...making.within, reference];
    return withKnown(name, make(resolveSchema(making.document, schema), name, { ...making, within }));
  }
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if ('const' in schema) return fc.constant(schema['const']);
  const choices = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(choices)) return fc.oneof(...(choices as Schema[]).map((each) => make(each, name, making)));
  const types = [schema['type'] ?? 'any'].flat() as string[];
  return withKnown(name, fc.oneof(...types.map((type) => ofType(type, schema, making))));
}

function withKnown(name: string | undefined, made: Json): Json {
  const words = name !== undefined && Object.hasOwn(knownWords, name) ? knownWords[name] : undefined;
  return words === undefined
    ? made
    : fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...words) }, { weight: 1, arbitrary: made });
}

function ofType(type: string, schema: Schema, making: Making): Json {
  if (type === 'string') return textOf(schema, making);
  if (type === 'integer' || type === 'number') return numberOf(schema, type === 'integer', making);
  if (type === 'boolean') return fc.boolean();
  if (type === 'null') return fc.constant(null);
  if (type === 'array') return arrayOf(schema, making);
  if (type === 'object') return objectOf(schema, making);
  return fc.jsonValue({ maxDepth: 3 });
}

function textOf({ pattern, format, ...schema }: Schema, { edges }: Making): Json {
  const minLength = numeric(schema['minLength']) ?? 0;
  const maxLength = numeric(schema['maxLength']);
  if (edges && maxLength !== undefined)
    return fc.constantFrom(minLength - 1, minLength, maxLength, maxLength + 1).map((n) => 'a'.repeat(Math.max(0, n)));
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern));
  if (format === 'date-time')
    return fc
      .date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength ?? 20, 20)) });
}

function numberOf(schema: Schema, whole: boolean, { edges }: Making): Json {
  const min = numeric(schema['minimum']) ?? numeric(schema['exclusiveMinimum']) ?? -1_000_000;
  const max = numeric(schema['maximum']) ?? 1_000_000;
  if (edges) return fc.constantFrom(min - 1, min, max, max + 1, min + 0.5, -0, 1e21, 1e-7, 2 ** 53);
  return whole
    ? fc.integer({ min: Math.ceil(min), max: Math.floor(max) })
    : fc.double({ min, max, noNaN: true, noDefaultInfinity: true });
}

function arrayOf(schema: Schema, making: Making): Json {
  const items = make((schema['items'] ?? {}) as Schema, undefined, making);
  const minLength = numeric(schema['minItems']) ?? 0;
  const maxItems = numeric(schema['maxItems']);
  if (making.edges && maxItems !== undefined)
    return fc
      .tuple(items, fc.constantFrom(0, 1, 2, minLength, maxItems, maxItems + 1))
      .map(([item, length]) => Array.from({ length }, () => item));
  return fc.array(items, { minLength, maxLength: Math.max(minLength, Math.min(maxItems ?? 3, 3)) });
}

function objectOf(schema: Schema, making: Making): Json {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  const required = (schema['required'] ?? []) as string[];
  const made = Object.fromEntries(properties.map(([key, each]) => [key, make(each, key, making)]));
  const further = schema['additionalProperties'];
  if (properties.length === 0 && typeof further === 'object' && further !== null) {
    const names = make((schema['propertyNames'] ?? { type: 'string' }) as Schema, undefined, making);
    return fc.dictionary(names.map(String), make(further as Schema, undefined, making), { maxKeys: 3 });
  }
  const least = Object.fromEntries(Object.entries(made).filter(([key]) => required.includes(key)));
  // With each field in every second object, hardly one definition would be valid as a whole.
  return fc.oneof(
    fc.record(least),
    fc
      .tuple(
        fc.record(least),
        fc.subarray(
          properties.map(([key]) => key),
          { maxLength: Math.min(2, properties.length) },
        ),
        fc.record(made),
      )
      .map(([base, some, all]) => ({ ...base, ...Object.fromEntries(some.map((key) => [key, all[key]])) })),
    fc.record(made, { requiredKeys: required }),
  );
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

const hostileValue: Json = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 1e308, 0.1, [], {}, '', [[]], { a: { b: {} } }),
  fc.constantFrom(...hostileTexts),
  fc.jsonValue({ maxDepth: 2 }),
);

interface Change {
  /** Which of the places of the value, counted from its root, as often around as it takes. */
  at: number;
  how: 'replace' | 'remove' | 'add' | 'double' | 'wrap';
  key: string;
  value: unknown;
}

/** Any JSON, with what people send to break servers. */
export const anyJson: Json = fc.oneof(hostileValue, fc.jsonValue({ maxDepth: 5 }));

/** Values that are nearly what `valid` makes: something is of another type, missing, too much, twice, or has a name that objects have by themselves. */
export function nearly(valid: Json): Json {
  const change = fc.record<Change>({
    at: fc.nat(40),
    how: fc.constantFrom('replace', 'remove', 'add', 'double', 'wrap'),
    key: fc.oneof(fc.constantFrom(...prototypeKeys), fc.constantFrom(...hostileTexts), fc.string({ maxLength: 8 })),
    value: hostileValue,
  });
  return fc
    .tuple(valid, fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([value, changes]) => changes.reduce((soFar, each) => changedAt(soFar, { left: each.at }, each), value));
}

function changedAt(value: unknown, place: { left: number }, change: Change): unknown {
  if (place.left <= 0) {
    place.left = Number.POSITIVE_INFINITY;
    return changed(value, change);
  }
  place.left -= 1;
  if (Array.isArray(value)) return value.map((item) => changedAt(item, place, change));
  if (value === null || typeof value !== 'object') return value;
  const copy = bare();
  for (const [key, item] of Object.entries(value)) {
    const isGone = place.left === 0 && change.how === 'remove';
    const next = changedAt(item, place, change);
    if (!isGone) copy[key] = next;
  }
  return copy;
}

function changed(value: unknown, { how, key, value: other }: Change): unknown {
  if (how === 'wrap') return [value];
  if (how === 'double' && Array.isArray(value)) return [...(value as unknown[]), ...(value as unknown[])];
  if (how === 'add' && value !== null && typeof value === 'object' && !Array.isArray(value))
    return Object.assign(bare(), value, Object.fromEntries([[key, other]]));
  return other;
}

/** Without a prototype `__proto__` is a key like any other. */
function bare(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}
