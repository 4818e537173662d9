import { describe, expect, test } from 'vitest';
import { problemCodes } from '../../src/contract/errors.ts';
import { checkDefinition, platformProblems } from '../../src/core/check-definition.ts';
import type { RunnerCapabilities } from '../../src/core/ports/runner-driver.ts';
import { summary } from '../../src/core/problems.ts';
import { definitionOf, originalDocument } from './support/records.ts';

const minimal = { taskName: 'Demo', dockerImage: 'demo:local', scriptName: 'demo.sh' };
const parameter = (changes: object) => ({ parameterName: 'A', parameterType: 'string', ...changes });

/** `code path` of every problem, sorted. */
function problemsOf(document: unknown): string[] {
  return (checkDefinition(document).problems ?? []).map(({ code, path }) => `${code} ${path}`).toSorted();
}

describe('the original document', () => {
  test('is valid as it stands, and is not changed', () => {
    const document = structuredClone(originalDocument);
    const { definition, problems } = checkDefinition(document);
    expect(problems).toBeUndefined();
    expect(document).toEqual(originalDocument);
    expect(definition).toMatchObject(originalDocument);
  });

  test('has every default filled in', () => {
    expect(checkDefinition(originalDocument).definition).toMatchObject({
      resources: { cpu: 1, memoryInGB: 1 },
      timeouts: { queueSeconds: 86_400, startSeconds: 240, runSeconds: 3600, graceSeconds: 30 },
      retry: { maxAttempts: 1, on: [], exitCodes: [], backoff: { initialSeconds: 5, factor: 2, maxSeconds: 300 } },
      environment: {},
      container: { readOnlyRoot: false, network: 'default', capabilities: [] },
      retention: { succeededSeconds: 0, failedSeconds: 0 },
      enabled: true,
    });
  });
});

test.each([
  [{ taskName: 'Stop VM' }, '/taskName must be letters, digits, inner hyphens and underscores, at most 63'],
  [{ scriptName: '../a.sh' }, /^\/scriptName must be one file name of letters/],
  [
    { dockerImage: 'Alpine 3' },
    '/dockerImage must be the name of an image, such as alpine:3 or registry.example.org/team/tool:1.4',
  ],
  [{ sha256: 'abc' }, '/sha256 must be 64 hexadecimal digits in lower case'],
  [
    { scriptParameters: [parameter({ parameterName: '1st' })] },
    '/scriptParameters/0/parameterName must be letters, digits and inner underscores, a letter first, at most 63',
  ],
  [{ description: 'x'.repeat(4001) }, '/description must have at most 4000 characters'],
  [{ scriptParameters: [parameter({ enum: [] })] }, '/scriptParameters/0/enum must have at least 1 entry'],
  [{ timeouts: { runSeconds: 0 } }, '/timeouts/runSeconds must be at least 1'],
  [{ container: { user: 'a b' } }, '/container/user has characters or a form that is not allowed'],
])('what would be allowed is said in words: %j', (changes, message) => {
  const { problems = [] } = checkDefinition({ ...minimal, ...changes });
  expect(problems).toEqual([
    expect.objectContaining({ message: typeof message === 'string' ? message : expect.stringMatching(message) }),
  ]);
});

describe('names that programs read as settings of their own', () => {
  const reserved =
    'PATH HOME SHELL USER TMPDIR IFS ENV BASH_ENV PS4 SHELLOPTS BASHOPTS CDPATH PROMPT_COMMAND BROWSER EDITOR VISUAL PAGER LESSOPEN GCONV_PATH GLIBC_TUNABLES LOCPATH ' +
    'LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES NODE_OPTIONS NODE_TLS_REJECT_UNAUTHORIZED NPM_CONFIG_REGISTRY npm_config_registry PYTHONPATH PYTHONWARNINGS ' +
    'PERL5OPT PERL5DB PERL5LIB RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS CLASSPATH GIT_SSH_COMMAND SSH_ASKPASS DOCKER_HOST AZURE_CLIENT_ID MSI_ENDPOINT ' +
    'IDENTITY_ENDPOINT WEBSITE_HOSTNAME FUNCTIONS_WORKER_RUNTIME ERRAND_RUN_ID HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy SSL_CERT_FILE CURL_HOME ' +
    'UID PPID HOSTNAME OPTIND KUBECONFIG DOTNET_STARTUP_HOOKS LC_ALL';
  const names = reserved.split(' ');

  test('are many', () => {
    expect(new Set(names).size).toBeGreaterThanOrEqual(40);
  });

  test.each(names)('%s is refused as a parameter', (parameterName) => {
    expect(problemsOf({ ...minimal, scriptParameters: [parameter({ parameterName })] })).toEqual([
      'reservedName /scriptParameters/0/parameterName',
    ]);
  });

  test.each([
    '_JAVA_OPTIONS',
    'MALLOC_CHECK_',
    'BASH_FUNC_x%%',
    'A-B',
    'A B',
    '1A',
    '',
    'A=B',
    'Ä',
    'A_',
    'x'.repeat(64),
    'A\n',
    '__proto__',
  ])('%j is no name at all', (parameterName) => {
    expect(problemsOf({ ...minimal, scriptParameters: [parameter({ parameterName })] })).toEqual([
      'invalidName /scriptParameters/0/parameterName',
    ]);
  });

  test.each(['Path', 'path', 'VMName', 'Node', 'PATHS', 'A', 'x'.repeat(63), 'constructor'])(
    '%s is free',
    (parameterName) => {
      expect(problemsOf({ ...minimal, scriptParameters: [parameter({ parameterName })] })).toEqual([]);
    },
  );

  test("the author's environment may set all but ours, the loader's and what shells own", () => {
    expect(problemsOf({ ...minimal, environment: { PATH: '/bin', AZURE_CLIENT_ID: 'x', NODE_OPTIONS: '' } })).toEqual(
      [],
    );
    expect(problemsOf({ ...minimal, environment: { ERRAND_X: '1', LD_PRELOAD: '2', UID: '3' } })).toEqual([
      'reservedName /environment/ERRAND_X',
      'reservedName /environment/LD_PRELOAD',
      'reservedName /environment/UID',
    ]);
    expect(problemsOf({ ...minimal, environment: { A: 'x\0', B: '\ud800' } })).toEqual([
      'invalidCharacter /environment/A',
      'invalidCharacter /environment/B',
    ]);
  });

  test('__proto__ in the environment sets nothing', () => {
    const text =
      '{"taskName":"Demo","dockerImage":"demo","scriptName":"d.sh","environment":{"__proto__":{"NODE_OPTIONS":"x"},"A":"1"}}';
    const { definition } = checkDefinition(JSON.parse(text));
    const seen: string[] = [];
    for (const name in definition?.environment) seen.push(name);
    expect(seen).toEqual(['A']);
  });
});

describe('problems', () => {
  test('of the form are found all at once', () => {
    const found = problemsOf({
      taskName: '../secrets',
      dockerImage: 'https://x',
      scriptParameters: [{ parameterName: 'PATH=', parameterType: 'text', requried: true }],
      timeouts: { runSeconds: 0, startSeconds: 1e9, queueSeconds: 'long' },
      color: 'red',
    });
    expect(found).toEqual([
      'invalidImage /dockerImage',
      'invalidName /scriptParameters/0/parameterName',
      'invalidName /taskName',
      'notAllowed /scriptParameters/0/parameterType',
      'required /scriptName',
      'tooLarge /timeouts/startSeconds',
      'tooSmall /timeouts/runSeconds',
      'unknownField /color',
      'unknownField /scriptParameters/0/requried',
      'wrongType /timeouts/queueSeconds',
    ]);
  });

  test('of the sense are found all at once', () => {
    const found = problemsOf({
      ...minimal,
      scriptName: 'demo.JSON',
      scriptParameters: [
        parameter({ minLength: 3, maxLength: 2, minimum: 1 }),
        parameter({ parameterType: 'int', minimum: 3, maximum: 2, pattern: 'a' }),
        parameter({ parameterName: 'S', parameterType: 'secret', default: 'x', enum: ['x'] }),
        parameter({ parameterName: 'V', valueFrom: 'file:key' }),
        parameter({ parameterName: 'E', parameterType: 'int', enum: ['1', 'two'], default: '3' }),
        parameter({ parameterName: 'Set' }),
      ],
      environment: { Set: 'x' },
      retry: { maxAttempts: 1, on: ['lost'], exitCodes: [3] },
      timeouts: { totalSeconds: 10, runSeconds: 20 },
      concurrency: { limit: 1, key: 'Nothing' },
    });
    expect(found).toEqual([
      'duplicate /scriptParameters/1/parameterName',
      'duplicate /scriptParameters/5/parameterName',
      'inconsistent /retry/exitCodes',
      'inconsistent /retry/maxAttempts',
      'inconsistent /scriptParameters/0/minLength',
      'inconsistent /scriptParameters/0/minimum',
      'inconsistent /scriptParameters/1/minimum',
      'inconsistent /scriptParameters/1/pattern',
      'inconsistent /scriptParameters/2/default',
      'inconsistent /scriptParameters/2/enum',
      'inconsistent /scriptParameters/3/valueFrom',
      'inconsistent /timeouts/totalSeconds',
      'invalidName /scriptName',
      'notAllowed /concurrency/key',
      'notAllowed /scriptParameters/4/default',
      'wrongType /scriptParameters/4/enum/1',
    ]);
  });

  test.each([
    [{ retry: { maxAttempts: 2 } }, ['inconsistent /retry/on']],
    [{ hints: { readOnly: true, destructive: true } }, ['inconsistent /hints/destructive']],
    [{ hints: { readOnly: true, destructive: false, idempotent: true } }, []],
    [{ hints: { safe: true } }, ['unknownField /hints/safe']],
    [
      {
        concurrency: { limit: 1, key: 'S' },
        scriptParameters: [parameter({ parameterName: 'S', parameterType: 'secret' })],
      },
      ['notAllowed /concurrency/key'],
    ],
    [{ concurrency: { limit: 1, key: 'A' }, scriptParameters: [parameter({})] }, []],
    [{ scriptParameters: [parameter({ default: 'b', enum: ['a'] })] }, ['notAllowed /scriptParameters/0/default']],
    [
      { scriptParameters: [parameter({ parameterType: 'json', default: 'no' })] },
      ['wrongType /scriptParameters/0/default'],
    ],
    [
      { scriptParameters: [parameter({ parameterType: 'secret', valueFrom: 'env:HOME' })] },
      ['patternMismatch /scriptParameters/0/valueFrom'],
    ],
    [
      { scriptParameters: [parameter({ parameterType: 'secret', valueFrom: 'file:../x' })] },
      ['patternMismatch /scriptParameters/0/valueFrom'],
    ],
    [{ scriptName: '../demo.sh' }, ['invalidName /scriptName']],
    [{ scriptName: '.hidden' }, ['invalidName /scriptName']],
    [{ scriptName: 'a/b.sh' }, ['invalidName /scriptName']],
    [{ environment: { 'A B': 'x' } }, ['invalidName /environment/A B']],
    [{ dockerImage: 'x'.repeat(501) }, ['tooLong /dockerImage']],
  ] as [object, string[]][])('%j', (changes, problems) => {
    expect(problemsOf({ ...minimal, ...changes })).toEqual(problems);
  });

  test.each([null, undefined, 3, 'text', [], [1]])('%j is no definition', (document) => {
    expect(problemsOf(document)).toHaveLength(1);
  });

  test('have a code of the list, a place, and words', () => {
    const { problems = [] } = checkDefinition({ taskName: '', scriptParameters: 'none', retention: { forever: true } });
    expect(problems.length).toBeGreaterThan(3);
    for (const { path, code, message } of problems) {
      expect(problemCodes).toContain(code);
      expect(path).toMatch(/^(?:\/[^/]+)+$/);
      expect(message.length).toBeGreaterThan(10);
    }
  });

  test('are summed up in one line', () => {
    expect(summary([])).toBe('no problem');
    const { problems = [] } = checkDefinition({});
    expect(summary(problems)).toBe(`/taskName is missing (and ${problems.length - 1} more)`);
    expect(summary(problems.slice(0, 1))).toBe('/taskName is missing');
  });
});

describe('patterns', () => {
  test.each(['(?=a)b', '(?!a)b', '(?<=a)b', '(?<!a)b', '(a)\\1', '(', '[z-a]', 'a{2,1}', '*a', '(?P<x', 'a{1001}'])(
    '%s is refused, and says what is taken',
    (pattern) => {
      const { problems = [] } = checkDefinition({
        ...minimal,
        scriptParameters: [parameter({ pattern, default: 'a' })],
      });
      expect(problems).toMatchObject([
        { path: '/scriptParameters/0/pattern', code: 'invalidPattern', message: expect.stringContaining('RE2') },
      ]);
    },
  );
});

describe('what a platform cannot do', () => {
  const capabilities: RunnerCapabilities = {
    isolation: true,
    exchanges: ['directory'],
    view: 'mounted',
    identity: false,
    networks: ['default'],
    containerWishes: ['user', 'readOnlyRoot', 'capabilities'],
    minimumCpu: 0.5,
    maximumCpu: 2,
    minimumMemoryInGB: 0.5,
    maximumMemoryInGB: 4,
    places: [{ name: 'local', runners: 10 }],
  };
  const codes = (changes: object, able: Partial<RunnerCapabilities> = {}) =>
    platformProblems(definitionOf(changes), 'docker', { ...capabilities, ...able }).map(
      ({ code, path }) => `${code} ${path}`,
    );

  test.each([
    [{}, {}, []],
    [{ resources: { cpu: 2, memoryInGB: 4 } }, {}, []],
    [{ resources: { cpu: 0.4, memoryInGB: 5 } }, {}, ['tooSmall /resources/cpu', 'tooLarge /resources/memoryInGB']],
    [{ resources: { cpu: 3, memoryInGB: 0.1 } }, {}, ['tooLarge /resources/cpu', 'tooSmall /resources/memoryInGB']],
    [{ container: { network: 'none' } }, {}, ['notAllowed /container/network']],
    [{ container: { network: 'none' } }, { networks: ['default', 'none'] as const }, []],
    [{ container: { network: 'none' } }, { isolation: false }, []],
    [{ container: { user: '1000', readOnlyRoot: true, capabilities: ['CHOWN'] } }, {}, []],
    [
      { container: { user: '1000', readOnlyRoot: true, capabilities: ['CHOWN'] } },
      { containerWishes: [] },
      ['notAllowed /container/user', 'notAllowed /container/readOnlyRoot', 'notAllowed /container/capabilities'],
    ],
    [{ container: { user: '1000' } }, { containerWishes: [], isolation: false }, []],
  ])('%j with %j', (changes, able, problems) => {
    expect(codes(changes, able)).toEqual(problems);
  });
});
