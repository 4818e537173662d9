import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { problemCodes, type Problem } from '../../src/contract/errors.ts';
import { cli, records } from '../entry/support/cli.ts';
import { pushByApi, pushByCli } from './support/definition-doors.ts';
import { doorWorld, type DoorWorld } from './support/door-world.ts';
import { askCli, askForm, askPlan, askRun, askTool, cliVerdict } from './support/doors.ts';
import { extremes } from './support/extremes.ts';
import { questionArbitrary } from './support/question-arbitrary.ts';
import { describeQuestion, type Question } from './support/question.ts';
import {
  broughtSecrets,
  cliWords,
  formValues,
  hasMissingSecrets,
  isPushable,
  toolArguments,
} from './support/sayable.ts';
import { tally } from './support/tally.ts';
import { acceptedCode, type Verdict } from './support/verdict.ts';

/** Other questions, more of them, or the one that a failure has named. */
const {
  ERRAND_DOORS_SEED: seed = '1',
  ERRAND_DOORS_QUESTIONS: questions = '300',
  ERRAND_DOORS_PATH: path,
} = process.env;
/** Runs that the tools of agents may start: each is a process. */
const mostRuns = 20;

/** Problems that only a definition can have. */
const ofDefinitions: ReadonlySet<Problem['code']> = new Set([
  'invalidName',
  'reservedName',
  'invalidPattern',
  'invalidImage',
  'inconsistent',
]);
const ofRequests = problemCodes.filter((code) => !ofDefinitions.has(code));
/** What a door has no way to be told wrongly. */
const neverSaid: Readonly<Record<string, readonly Problem['code'][]>> = {
  api: [],
  cli: [],
  form: ['unknownField', 'unknownParameter', 'duplicate'],
  mcp: ['unknownField', 'duplicate'],
};

let world: DoorWorld;
beforeAll(async () => {
  world = await doorWorld();
});
afterAll(() => world.close());

/** Throws where two doors do not say the same. `worded`: whether they are to say it in the same words. */
function same(door: string, said: Verdict, expected: Verdict, worded = true): void {
  const shown = ({ messages, ...rest }: Verdict): unknown => (worded ? { ...rest, messages } : rest);
  if (isDeepStrictEqual(shown(said), shown(expected))) return;
  const short = (verdict: Verdict): string => JSON.stringify(shown(verdict)).slice(0, 2_000);
  throw new Error(`${door} says ${short(said)}\nthe API says ${short(expected)}`);
}

describe('one validator, all doors', () => {
  const seen = tally();
  let runs = 0;

  async function askAll(question: Question): Promise<void> {
    const { harness, session } = world;
    const { url, client } = harness;
    const taskName = await world.store(question);
    const expected = await askPlan(url, taskName, question);
    const isRun = expected.code === acceptedCode;
    seen.note('api', expected);

    const said = await askCli(url, taskName, question);
    same('the command line', said, expected);
    seen.note('cli', said);

    const values = formValues(question);
    if (values !== undefined) {
      const formed = await askForm(client, taskName, values);
      same('the form', formed, expected);
      seen.note('form', formed);
    }

    if (!isRun) same('a run by the API', await askRun(url, taskName, question), expected);

    const args = toolArguments(question);
    const brought = broughtSecrets(question);
    if (args !== undefined && (!isRun || brought.length > 0 || runs < mostRuns)) {
      if (isRun && brought.length === 0) runs += 1;
      const told = await askTool({ session, client, taskName }, question, args);
      const judged = brought.length === 0 ? expected : await withoutSecrets(taskName, question, brought);
      same('the tool', told, judged, brought.length === 0 && !hasMissingSecrets(question));
      seen.note('mcp', told);
    }

    if (expected.code === 'invalidDefinition' && isPushable(question)) {
      const pushed = await pushByApi(client, taskName, question);
      same('a push', pushed, expected);
      same('a push by the command line', await pushByCli(url, taskName, question), expected);
      seen.note('push', pushed);
    }
  }

  /** A tool takes no secrets: it refuses each, and says of the rest what others do. */
  async function withoutSecrets(taskName: string, question: Question, brought: readonly string[]): Promise<Verdict> {
    const given = question.given.filter(({ name }) => !brought.includes(name));
    const rest = await askPlan(world.harness.url, taskName, { ...question, given });
    if (rest.code !== acceptedCode && rest.code !== 'invalidRequest') return rest;
    const problems = [
      ...rest.problems.filter((problem) => !brought.some((name) => problem === `required "${name}"`)),
      ...brought.map((name) => `notAllowed "${name}"`),
    ].toSorted();
    return { code: 'invalidRequest', problems, messages: [], parameters: undefined };
  }

  /** Each door has given every answer that it can give, and about as many questions were accepted as refused: else it would mean little that they agree. */
  function checkSeen(): void {
    for (const [door, never] of Object.entries(neverSaid)) {
      const wanted = [
        acceptedCode,
        ...ofRequests.filter((code) => !never.includes(code)),
        ...problemCodes.filter((code) => code !== 'unknownParameter').map((code) => `definition ${code}`),
        'taskDisabled',
        'executableMissing',
      ];
      expect({ door, unheard: wanted.filter((code) => seen.count(door, code) === 0) }).toEqual({ door, unheard: [] });
    }
    const share = seen.count('api', acceptedCode) / (seen.asked('api') - seen.count('api', 'invalidDefinition'));
    expect(share).toBeGreaterThan(0.35);
    expect(share).toBeLessThan(0.65);
  }

  test(`${questions} questions have one answer at the API, the command line, the form and the tools of agents`, async () => {
    const property = fc.asyncProperty(questionArbitrary, async (question) => {
      try {
        await askAll(question);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${why}\nasked: ${describeQuestion(question)}`, { cause });
      }
    });
    const result = await fc.check(property, {
      seed: Number(seed),
      numRuns: extremes.length + Number(questions),
      examples: extremes.map((each): [Question] => [each]),
      ...(path === undefined ? {} : { path }),
    });
    process.stdout.write(`${seen.lines().join('\n')}\n`);
    if (result.failed) {
      const { seed: from, counterexamplePath, errorInstance: cause } = result;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `Property failed: ${why}\nagain: ERRAND_DOORS_SEED=${from} ERRAND_DOORS_PATH=${counterexamplePath ?? ''}`,
        {
          cause,
        },
      );
    }
    if (path === undefined) checkSeen();
  }, 300_000);

  const declared = [
    { parameterName: 'Name', parameterType: 'string', required: true, pattern: '^[a-z]+$' },
    { parameterName: 'Count', parameterType: 'int', default: 3 },
    { parameterName: 'Token', parameterType: 'secret' },
  ];
  test.each<[string, Pick<Question, 'given' | 'spelling'>]>([
    [
      'accepted',
      {
        given: [
          { name: 'Name', value: 'a' },
          { name: 'Token', value: 'hunter2\n' },
        ],
        spelling: 'words',
      },
    ],
    [
      'refused',
      {
        given: [
          { name: 'Count', value: '1.0' },
          { name: '-p', value: '😀' },
        ],
        spelling: 'words',
      },
    ],
    [
      'in a file',
      {
        given: [
          { name: 'Name', value: 'half\ud800' },
          { name: 'Name', value: 1 },
          { name: 'Count', value: {} },
        ],
        spelling: 'list',
      },
    ],
  ])('so it is in a process of its own: %s', async (_, asked) => {
    const question: Question = { declared, definition: {}, ...asked };
    const { url, directory } = world.harness;
    const taskName = await world.store(question);
    const { args, environment, input } = cliWords(question);
    const { code, stdout } = await cli(['plan', taskName, ...args, '--json'], {
      cwd: directory,
      env: { ...environment, ERRAND_URL: url },
      input,
    });
    const said = cliVerdict({ exitCode: code ?? -1, records: records(stdout) }, question);
    same('errand plan', said, await askPlan(url, taskName, question));
  });
});
