import fc from 'fast-check';

import { kinds, names, strayNames, type Kind } from './parameter-kinds.ts';
import { spellings, type Declared, type Given, type Question } from './question.ts';
import { isWellFormed } from './sayable.ts';
import { mistakes } from './spoilt-definition.ts';

type Value = Given['value'];

/** One parameter as declared, and what may be given for it. */
interface Asked {
  kind: Kind;
  name: string;
  required: boolean;
  default: Value | undefined;
}

const anyValue: fc.Arbitrary<Value> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.stringMatching(/^[-+]?[0-9.eE]{1,8}$/),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Value>,
);

const asked: fc.Arbitrary<Asked> = fc.constantFrom(...kinds).chain((kind) =>
  fc.record({
    kind: fc.constant(kind),
    name: fc.constantFrom(...names),
    required: fc.boolean(),
    default: defaultOf(kind),
  }),
);

/** Mostly none. A secret has none, and those that are long are among the extremes. */
function defaultOf({ fields, right }: Kind): fc.Arbitrary<Value | undefined> {
  const fitting = fields.parameterType === 'secret' ? [] : right.filter(isShortScalar);
  if (fitting.length === 0) return fc.constant(undefined);
  return sometimes(1 / 4, fc.constantFrom<(Value | undefined)[]>(...fitting), undefined);
}

function isShortScalar(value: Value): boolean {
  return typeof value === 'string' ? value.length < 100 : typeof value === 'number' || typeof value === 'boolean';
}

function declarationOf({ kind: { fields }, name, required, default: preset }: Asked): Declared {
  return {
    parameterName: name,
    ...fields,
    ...(required ? { required } : {}),
    ...(preset === undefined ? {} : { default: preset }),
  };
}

/** What is given for one parameter, or nothing; rightly or, where care is not taken, nearly so. */
function givenFor({ kind: { right, near }, name, required, default: preset }: Asked, isCareful: boolean) {
  const of = (values: fc.Arbitrary<Value>) => values.map((value): Given[] => [{ name, value }]);
  const nothing = fc.constant<Given[]>([]);
  const rightly = right.length === 0 ? nothing : of(fc.constantFrom(...right));
  const nearly = near.length === 0 ? rightly : of(fc.constantFrom(...near));
  const mayBeLeftOut = !isCareful || !required || preset !== undefined;
  return fc.oneof(
    { weight: 45, arbitrary: rightly },
    { weight: isCareful ? 0 : 35, arbitrary: nearly },
    { weight: isCareful ? 0 : 8, arbitrary: of(anyValue) },
    { weight: mayBeLeftOut ? 15 : 0, arbitrary: nothing },
  );
}

const stray: fc.Arbitrary<Given> = fc.record({
  name: fc.oneof(
    fc.constantFrom(...strayNames),
    fc.constantFrom(...names),
    fc.string({ unit: 'binary', maxLength: 4 }),
  ),
  value: fc.oneof(fc.constant<Value>('a'), anyValue),
});

/** With what nobody has asked for, and one of them twice. */
function disturbed(given: readonly Given[]): fc.Arbitrary<Given[]> {
  const strays = sometimes(1 / 4, fc.array(stray, { maxLength: 2 }), []);
  const again = sometimes(1 / 9, fc.subarray([...given], { maxLength: Math.min(1, given.length) }), []);
  return fc.tuple(strays, again).map((more) => [...given, ...more.flat()]);
}

/** Fields of a definition that a request meets before its values do. */
const definition = sometimes<Question['definition']>(
  1 / 10,
  fc.constantFrom(
    { enabled: false },
    { scriptName: 'nowhere.sh' },
    { description: 'What it does', environment: { FIXED: 'by its author' } },
  ),
  {},
);

function questionOf(isCareful: boolean): fc.Arbitrary<Question> {
  return fc.uniqueArray(asked, { selector: ({ name }) => name, maxLength: 5 }).chain((all) =>
    fc
      .tuple(...all.map((each) => givenFor(each, isCareful)))
      .map((parts) => parts.flat())
      .chain((given) => (isCareful ? fc.constant(given) : disturbed(given)))
      .chain((given) => fc.shuffledSubarray(given, { minLength: given.length }))
      .chain((given) =>
        fc.record({
          declared: fc.constant(all.map(declarationOf)),
          definition,
          given: fc.constant(given),
          spelling: fc.constantFrom(...spellings),
        }),
      ),
  );
}

const spoilt: fc.Arbitrary<Question> = fc
  .tuple(questionOf(false), fc.array(fc.tuple(fc.constantFrom(...mistakes), fc.nat(4)), { minLength: 1, maxLength: 2 }))
  .map(([question, made]) => {
    const given = question.given.filter(isWellFormed);
    return made.reduce<Question>((before, [mistake, at]) => ({ ...before, ...mistake(before, at) }), {
      ...question,
      given,
    });
  });

/** Of these questions about two fifths are to be accepted; most of the others miss by little. */
export const questionArbitrary: fc.Arbitrary<Question> = fc.oneof(
  { weight: 40, arbitrary: questionOf(true) },
  { weight: 45, arbitrary: questionOf(false) },
  { weight: 15, arbitrary: spoilt },
);

function sometimes<T>(share: number, arbitrary: fc.Arbitrary<T>, otherwise: T): fc.Arbitrary<T> {
  const weight = Math.round(share * 100);
  return fc.oneof({ weight: 100 - weight, arbitrary: fc.constant(otherwise) }, { weight, arbitrary });
}
