import { gzipSync, brotliCompressSync } from 'node:zlib';
import type { ErrorCode, Problem } from '../../src/contract/errors.ts';

/** One bad request, and the answer that it must get. */
export interface HostileRow {
  name: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  status: number;
  code: ErrorCode;
  /** One of the problems, where the error has several. */
  problem?: { code: Problem['code']; path: string };
}

/** The task that the requests are for. It must be stored before, with an executable `strict.sh`. */
export const strictTask = {
  taskName: 'Strict',
  dockerImage: 'errand-minimal:local',
  scriptName: 'strict.sh',
  scriptParameters: [
    { parameterName: 'Text', parameterType: 'string', required: true, maxLength: 100 },
    { parameterName: 'Count', parameterType: 'int', minimum: 1, maximum: 10 },
    { parameterName: 'Ratio', parameterType: 'number' },
    { parameterName: 'Flag', parameterType: 'boolean' },
    { parameterName: 'Data', parameterType: 'json' },
    { parameterName: 'Token', parameterType: 'secret', minLength: 8 },
    { parameterName: 'Color', parameterType: 'string', enum: ['red', 'green'] },
    { parameterName: 'Code', parameterType: 'string', pattern: '^[a-z]{3}-[0-9]{3}$' },
    { parameterName: 'Nested', parameterType: 'string', pattern: '^(a+)+$' },
    { parameterName: 'Long', parameterType: 'string' },
    { parameterName: 'Fixed', parameterType: 'secret', valueFrom: 'env:ERRAND_SECRET_FIXED' },
  ],
  timeouts: { queueSeconds: 60, startSeconds: 30, runSeconds: 30, graceSeconds: 5 },
} as const;

const json = (value: unknown) => JSON.stringify(value);
const post = (
  name: string,
  body: HostileRow['body'],
  rest: Pick<HostileRow, 'status' | 'code' | 'problem' | 'headers'>,
): HostileRow => ({
  name,
  method: 'POST',
  path: '/api/runs',
  ...(body === undefined ? {} : { body }),
  ...rest,
});

const unprocessable = (problem: Problem['code'], path: string) => ({
  status: 422,
  code: 'invalidRequest' as const,
  problem: { code: problem, path },
});

/** Names that try to leave the folder of the tasks, or to mean another one. None of them names a task. */
export const foreignTaskNames = [
  '../secrets/db.txt',
  'a/../../x',
  './Strict',
  'x/../Strict',
  '../Strict',
  '..',
  '.',
  '...',
  '/etc/passwd',
  '//Strict',
  'Strict/',
  '/Strict',
  '\\Strict',
  '..\\..\\x',
  'C:\\Strict',
  'C:Strict',
  '\\\\server\\share',
  '%2e%2e%2fStrict',
  '..%2fStrict',
  '%2fStrict',
  'Strict%00',
  'Strict\u0000',
  'Strict\u0000.json',
  'Strict.json',
  'Strict.',
  'Strict ',
  ' Strict',
  '\tStrict',
  'Strict\n',
  'Strict\r\n',
  'Str\u200bict',
  'Strict\u202e',
  '\ufeffStrict',
  'Strіct',
  'Ｓｔｒｉｃｔ',
  'Stri\u0301ct',
  'ſtrict',
  'STRICT\u0130',
  '😀',
  '-Strict',
  'Strict-',
  '_Strict',
  'Strict_',
  'Strict?x=1',
  'Strict#x',
  'Strict&x',
  'Strict;x',
  'Strict|id',
  '$(id)',
  '`id`',
  '${HOME}',
  '"; touch /tmp/pwn; "',
  "'; drop table runs; --",
  '*',
  'Str*',
  '~root',
  '~',
  'CON',
  'nul',
  'a'.repeat(64),
  'a'.repeat(1000),
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '',
  'strict',
  'STRICT',
];

const taskNameRows = foreignTaskNames.map((taskName) =>
  post(`task name ${JSON.stringify(taskName).slice(0, 40)}`, json({ taskName, parameters: [] }), {
    status: 404,
    code: 'taskNotFound',
  }),
);

const rawRows: HostileRow[] = [
  post('no body', undefined, { status: 400, code: 'invalidJson' }),
  post('empty body', '', { status: 400, code: 'invalidJson' }),
  ...[
    '{',
    '[',
    '"',
    'nul',
    'NaN',
    'undefined',
    '{"taskName":}',
    '{"taskName":"Strict",}',
    "{'taskName':'Strict'}",
    '{taskName:"Strict"}',
    '{"taskName":"Strict"}}',
    '{"a":1}{"b":2}',
    '\u0000',
    '\ufeff\ufeff{}',
    '<xml/>',
    'taskName=Strict',
    '{"taskName":"Str\nict"}',
    '{"taskName":"\\x41"}',
    '{"taskName":01}',
    '[1,2',
  ].map((body) => post(`not JSON: ${JSON.stringify(body).slice(0, 40)}`, body, { status: 400, code: 'invalidJson' })),
  post('not UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), {
    status: 400,
    code: 'invalidJson',
  }),
  post(
    'overlong UTF-8 for a slash',
    Uint8Array.from([...Buffer.from('{"taskName":"..'), 0xc0, 0xaf, ...Buffer.from('x"}')]),
    { status: 400, code: 'invalidJson' },
  ),
  post(
    'half a surrogate pair in UTF-8',
    Uint8Array.from([...Buffer.from('{"taskName":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]),
    { status: 400, code: 'invalidJson' },
  ),
  ...['null', 'true', '42', '"Strict"', '[]', '[{"taskName":"Strict"}]'].map((body) =>
    post(`JSON that is no object: ${body}`, body, unprocessable('wrongType', '')),
  ),
  ...[21, 22, 100, 1000, 10_000, 100_000].map((depth) =>
    post(
      `${depth} deep`,
      `{"taskName":"Strict","parameters":[{"name":"Data","value":${'['.repeat(depth - 3)}${']'.repeat(depth - 3)}}]}`,
      { status: 400, code: 'bodyTooDeep' },
    ),
  ),
  ...[50, 10_000, 100_000].map((depth) =>
    post(`${depth} brackets that never close`, '['.repeat(depth), { status: 400, code: 'bodyTooDeep' }),
  ),
  ...[2_001, 20_000].map((keys) =>
    post(`${keys} keys`, `{${Array.from({ length: keys }, (_, index) => `"k${index}":1`).join(',')}}`, {
      status: 400,
      code: 'tooManyKeys',
    }),
  ),
  post('one byte more than allowed', json({ taskName: 'Strict', x: 'a'.repeat(256 * 1024) }).slice(0, 256 * 1024 + 1), {
    status: 413,
    code: 'bodyTooLarge',
  }),
  post('a megabyte', 'a'.repeat(1024 * 1024), { status: 413, code: 'bodyTooLarge' }),
  ...[
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'json',
    'application/json; charset=utf-16',
    'text/html',
    'application/octet-stream',
  ].map((type) =>
    post(`content type ${type}`, json({ taskName: 'Strict' }), {
      headers: { 'content-type': type },
      status: 415,
      code: 'unsupportedMediaType',
    }),
  ),
  ...['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip', 'x-unknown'].map((encoding) =>
    post(`content encoding ${encoding}`, json({ taskName: 'Strict' }), {
      headers: { 'content-encoding': encoding },
      status: 415,
      code: 'unsupportedMediaType',
    }),
  ),
  post('a gzip bomb', Uint8Array.from(gzipSync(Buffer.alloc(50_000_000))), {
    headers: { 'content-encoding': 'gzip' },
    status: 415,
    code: 'unsupportedMediaType',
  }),
  post('a brotli bomb', Uint8Array.from(brotliCompressSync(Buffer.alloc(20_000_000))), {
    headers: { 'content-encoding': 'br' },
    status: 415,
    code: 'unsupportedMediaType',
  }),
];

/** A request that is right but for one thing. */
const request = (change: object): string =>
  json({ taskName: 'Strict', parameters: [{ name: 'Text', value: 'x' }], ...change });
const parameters = (...given: { name: unknown; value?: unknown }[]): string =>
  request({ parameters: [{ name: 'Text', value: 'x' }, ...given] });

const shapeRows: HostileRow[] = [
  post('no task name', json({ parameters: [] }), unprocessable('required', '/taskName')),
  ...[42, null, true, [], {}].map((taskName) =>
    post(`task name ${json(taskName)}`, request({ taskName }), unprocessable('wrongType', '/taskName')),
  ),
  post(
    'a task name of 1,001 characters',
    request({ taskName: 'a'.repeat(1001) }),
    unprocessable('tooLong', '/taskName'),
  ),
  ...['x', 42, null, {}].map((value) =>
    post(`parameters ${json(value)}`, request({ parameters: value }), unprocessable('wrongType', '/parameters')),
  ),
  ...['Text', 42, null, []].map((value) =>
    post(
      `a parameter that is ${json(value)}`,
      request({ parameters: [value] }),
      unprocessable('wrongType', '/parameters/0'),
    ),
  ),
  post(
    'a parameter without a name',
    request({ parameters: [{ value: 'x' }] }),
    unprocessable('required', '/parameters/0/name'),
  ),
  post('a parameter without a value', parameters({ name: 'Long' }), unprocessable('required', '/parameters/1/value')),
  post(
    'a parameter with another field',
    request({ parameters: [{ name: 'Text', value: 'x', secret: true }] }),
    unprocessable('unknownField', '/parameters/0/secret'),
  ),
  ...[
    'parameter',
    'dockerImage',
    'image',
    'scriptName',
    'command',
    'environment',
    'callback',
    'identity',
    'privileged',
    'mounts',
    'constructor',
    'toString',
    'a/b',
    'a~b',
    '',
  ].map((field) =>
    post(
      `the field ${json(field)}`,
      request({ [field]: 'x' }),
      unprocessable('unknownField', `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`),
    ),
  ),
  post(
    '__proto__ as a field',
    '{"taskName":"Strict","parameters":[{"name":"Text","value":"x"}],"__proto__":{"polluted":true}}',
    unprocessable('unknownField', '/__proto__'),
  ),
  post(
    '__proto__ in a parameter',
    '{"taskName":"Strict","parameters":[{"name":"Text","value":"x","__proto__":{"polluted":true}}]}',
    unprocessable('unknownField', '/parameters/0/__proto__'),
  ),
  post(
    '__proto__ in labels',
    '{"taskName":"Strict","parameters":[{"name":"Text","value":"x"}],"labels":{"__proto__":"x"}}',
    unprocessable('unknownField', '/labels/__proto__'),
  ),
  post(
    'parameters as an object with __proto__',
    '{"taskName":"Strict","parameters":{"__proto__":{"NODE_OPTIONS":"--inspect"}}}',
    unprocessable('wrongType', '/parameters'),
  ),
  post(
    'constructor.prototype',
    request({ constructor: { prototype: { polluted: true } } }),
    unprocessable('unknownField', '/constructor'),
  ),
  post(
    '101 parameters',
    request({ parameters: Array.from({ length: 101 }, () => ({ name: 'Text', value: 'x' })) }),
    unprocessable('tooLong', '/parameters'),
  ),
  ...['x', 42, null, []].map((labels) =>
    post(`labels ${json(labels)}`, request({ labels }), unprocessable('wrongType', '/labels')),
  ),
  post('a label that is a number', request({ labels: { a: 1 } }), unprocessable('wrongType', '/labels/a')),
  post('a label of 129 characters', request({ labels: { a: 'x'.repeat(129) } }), unprocessable('tooLong', '/labels/a')),
  ...['a b', '-a', 'a-', '', 'ä', 'a'.repeat(64), 'a\u0000'].map((label) =>
    post(
      `the label name ${json(label).slice(0, 30)}`,
      request({ labels: { [label]: 'x' } }),
      unprocessable('invalidName', `/labels/${label}`),
    ),
  ),
  post(
    '17 labels',
    request({ labels: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`l${index}`, 'x'])) }),
    unprocessable('notAllowed', '/labels'),
  ),
  ...['runSeconds', 'queueSeconds', 'startSeconds', 'graceSeconds'].flatMap((field) => [
    post(`${field} of 0`, request({ timeouts: { [field]: 0 } }), unprocessable('tooSmall', `/timeouts/${field}`)),
    post(`${field} of 1.5`, request({ timeouts: { [field]: 1.5 } }), unprocessable('wrongType', `/timeouts/${field}`)),
    post(
      `${field} as text`,
      request({ timeouts: { [field]: '10' } }),
      unprocessable('wrongType', `/timeouts/${field}`),
    ),
    post(
      `${field} above that of the definition`,
      request({ timeouts: { [field]: 61 } }),
      unprocessable('tooLarge', `/timeouts/${field}`),
    ),
  ]),
  post(
    'an unknown time limit',
    request({ timeouts: { seconds: 1 } }),
    unprocessable('unknownField', '/timeouts/seconds'),
  ),
];

const valueRows: HostileRow[] = [
  post(
    'a required parameter is missing',
    json({ taskName: 'Strict', parameters: [] }),
    unprocessable('required', '/parameters'),
  ),
  post('no parameters at all', json({ taskName: 'Strict' }), unprocessable('required', '/parameters')),
  ...[
    'text',
    'TEXT',
    'Text ',
    'PATH',
    'LD_PRELOAD',
    'NODE_OPTIONS',
    '__proto__',
    'constructor',
    '',
    'Unknown',
    'a=b',
    'Te\u0000xt',
    'x'.repeat(200),
  ].map((name) =>
    post(
      `the parameter ${json(name).slice(0, 30)}`,
      parameters({ name, value: 'x' }),
      unprocessable('unknownParameter', '/parameters/1/name'),
    ),
  ),
  post(
    'a parameter name of 201 characters',
    parameters({ name: 'x'.repeat(201), value: 'x' }),
    unprocessable('tooLong', '/parameters/1/name'),
  ),
  post('a parameter twice', parameters({ name: 'Text', value: 'y' }), unprocessable('duplicate', '/parameters/1/name')),
  post(
    'a value for valueFrom',
    parameters({ name: 'Fixed', value: 'x' }),
    unprocessable('notAllowed', '/parameters/1/value'),
  ),
  ...[
    '',
    ' ',
    'x',
    '1.5',
    '1e3',
    '0x10',
    '1_000',
    '１',
    '9007199254740992',
    '-9007199254740993',
    '99999999999999999999',
    'NaN',
    'Infinity',
    '1\n',
    true,
    1.5,
    1e21,
    null,
    [],
    {},
  ].map((value) =>
    post(
      `the int ${json(value)}`,
      parameters({ name: 'Count', value }),
      unprocessable('wrongType', '/parameters/1/value'),
    ),
  ),
  post(
    'an int below its minimum',
    parameters({ name: 'Count', value: 0 }),
    unprocessable('tooSmall', '/parameters/1/value'),
  ),
  post(
    'an int above its maximum',
    parameters({ name: 'Count', value: '11' }),
    unprocessable('tooLarge', '/parameters/1/value'),
  ),
  ...['', 'x', '.', '1e', '1e9999', '0x10', '1,5', 'NaN', '-Infinity', true, null, {}].map((value) =>
    post(
      `the number ${json(value)}`,
      parameters({ name: 'Ratio', value }),
      unprocessable('wrongType', '/parameters/1/value'),
    ),
  ),
  ...['', 'TRUE', 'yes', '1', 'true ', 0, 1, null, []].map((value) =>
    post(
      `the boolean ${json(value)}`,
      parameters({ name: 'Flag', value }),
      unprocessable('wrongType', '/parameters/1/value'),
    ),
  ),
  ...['', '{', 'undefined', "{'a':1}", '[1,]'].map((value) =>
    post(
      `the JSON ${json(value)}`,
      parameters({ name: 'Data', value }),
      unprocessable('wrongType', '/parameters/1/value'),
    ),
  ),
  ...[null, [], {}, ['x'], { value: 'x' }].map((value) =>
    post(
      `the string ${json(value)}`,
      parameters({ name: 'Long', value }),
      unprocessable('wrongType', '/parameters/1/value'),
    ),
  ),
  ...['\u0000', 'a\u0000b', '\u0007', '\u001b[31m', '\r', 'a\r\nb', '\u0008', '\u007f'].map((value) =>
    post(
      `the control character in ${json(value)}`,
      parameters({ name: 'Long', value }),
      unprocessable('invalidCharacter', '/parameters/1/value'),
    ),
  ),
  post(
    'half a surrogate pair',
    '{"taskName":"Strict","parameters":[{"name":"Text","value":"x"},{"name":"Long","value":"\\ud800"}]}',
    unprocessable('invalidCharacter', '/parameters/1/value'),
  ),
  post(
    'a NUL in a secret',
    parameters({ name: 'Token', value: 'secret\u0000token' }),
    unprocessable('invalidCharacter', '/parameters/1/value'),
  ),
  ...[32_769, 65_536, 131_069, 131_070, 200_000].map((bytes) =>
    post(
      `a value of ${bytes} bytes`,
      parameters({ name: 'Long', value: 'a'.repeat(bytes) }),
      unprocessable('tooLong', '/parameters/1/value'),
    ),
  ),
  post(
    'a value of 32,769 bytes in fewer characters',
    parameters({ name: 'Long', value: `${'é'.repeat(16_384)}a` }),
    unprocessable('tooLong', '/parameters/1/value'),
  ),
  post(
    '101 characters where 100 are allowed',
    request({ parameters: [{ name: 'Text', value: 'é'.repeat(101) }] }),
    unprocessable('tooLong', '/parameters/0/value'),
  ),
  post(
    'a secret of 7 characters where 8 are needed',
    parameters({ name: 'Token', value: 'seven77' }),
    unprocessable('tooShort', '/parameters/1/value'),
  ),
  ...['Red', 'red ', '', 'blue', 'red,green'].map((value) =>
    post(
      `the choice ${json(value)}`,
      parameters({ name: 'Color', value }),
      unprocessable('notAllowed', '/parameters/1/value'),
    ),
  ),
  ...['abc-12', 'ABC-123', 'abc-1234', ' abc-123', 'abc-123\n', '"; touch /tmp/pwn; "'].map((value) =>
    post(
      `the code ${json(value)}`,
      parameters({ name: 'Code', value }),
      unprocessable('patternMismatch', '/parameters/1/value'),
    ),
  ),
  ...[28, 1_000, 30_000].map((length) =>
    post(
      `${length} characters for a pattern that blows up elsewhere`,
      parameters({ name: 'Nested', value: `${'a'.repeat(length)}!` }),
      unprocessable('patternMismatch', '/parameters/1/value'),
    ),
  ),
];

const headerRows: HostileRow[] = [
  post('an idempotency key of 256 characters', request({}), {
    headers: { 'idempotency-key': 'k'.repeat(256) },
    ...unprocessable('tooLong', '/headers/Idempotency-Key'),
  }),
  post('an idempotency key with a space', request({}), {
    headers: { 'idempotency-key': 'a b' },
    ...unprocessable('invalidCharacter', '/headers/Idempotency-Key'),
  }),
  post('an idempotency key with other than ASCII', request({}), {
    headers: { 'idempotency-key': 'kéy' },
    ...unprocessable('invalidCharacter', '/headers/Idempotency-Key'),
  }),
  ...['http://evil.example', 'null', 'https://localhost.evil.example', 'http://127.0.0.1.evil.example', 'file://'].map(
    (origin) =>
      post(`the origin ${origin}`, request({}), { headers: { origin }, status: 403, code: 'originNotAllowed' }),
  ),
];

const runId = '01m85wyndsjc1kd6b3bzkkryd6';

const addressRows: HostileRow[] = [
  ...[
    'x',
    '..%2f..%2fetc%2fpasswd',
    '%00',
    runId,
    runId.toUpperCase(),
    `${runId}0`,
    'a'.repeat(2000),
    '__proto__',
    '%F0%9F%98%80',
  ].flatMap((id): HostileRow[] => [
    { name: `run ${id.slice(0, 30)}`, method: 'GET', path: `/api/runs/${id}`, status: 404, code: 'runNotFound' },
    {
      name: `log of run ${id.slice(0, 30)}`,
      method: 'GET',
      path: `/api/runs/${id}/logs`,
      status: 404,
      code: 'runNotFound',
    },
    {
      name: `cancel run ${id.slice(0, 30)}`,
      method: 'POST',
      path: `/api/runs/${id}/cancel`,
      status: 404,
      code: 'runNotFound',
    },
  ]),
  ...[
    'limit=0',
    'limit=-1',
    'limit=x',
    'limit=1e3',
    'limit=201',
    'limit=99999999999999999999',
    'state=bogus',
    'state=',
    'since=yesterday',
    'since=2026-13-45',
    'label=x',
    'label==x',
    'unknown=1',
    'limit=1&limit=2',
    'cursor=%00',
    'cursor=..%2f',
    'cursor=bm90IGFuIGlk',
  ].map((query): HostileRow => ({
    name: `runs?${query}`,
    method: 'GET',
    path: `/api/runs?${query}`,
    status: 422,
    code: 'invalidRequest',
  })),
  ...[
    'nothing',
    'api',
    'api/',
    'api/run',
    'api/runs/',
    'api/tasks/Strict/attempts',
    '.git/config',
    'api/../etc/passwd',
    'api/openapi.yaml',
    'api//runs',
  ].map((path): HostileRow => ({
    name: `nothing at /${path}`,
    method: 'GET',
    path: `/${path}`,
    status: 404,
    code: 'routeNotFound',
  })),
  { name: 'DELETE of all runs', method: 'DELETE', path: '/api/runs', status: 405, code: 'methodNotAllowed' },
  {
    name: 'PUT of a run',
    method: 'PUT',
    path: `/api/runs/${runId}`,
    body: '{}',
    status: 405,
    code: 'methodNotAllowed',
  },
  {
    name: 'POST to a task',
    method: 'POST',
    path: '/api/tasks/Strict',
    body: '{}',
    status: 405,
    code: 'methodNotAllowed',
  },
  ...['Unknown', '..', '%2e%2e', '__proto__', 'constructor', 'Strict.json', 'a%2fb', 'strict.sh'].flatMap(
    (name): HostileRow[] =>
      name === '..' || name === '%2e%2e'
        ? [
            {
              name: `task ${name}`,
              method: 'GET',
              path: `/api/tasks/${name}/schema`,
              status: 404,
              code: 'routeNotFound',
            },
          ]
        : [
            { name: `task ${name}`, method: 'GET', path: `/api/tasks/${name}`, status: 404, code: 'taskNotFound' },
            {
              name: `delete task ${name}`,
              method: 'DELETE',
              path: `/api/tasks/${name}`,
              status: 404,
              code: 'taskNotFound',
            },
            {
              name: `schema of task ${name}`,
              method: 'GET',
              path: `/api/tasks/${name}/schema`,
              status: 404,
              code: 'taskNotFound',
            },
          ],
  ),
];

export const requestRows: readonly HostileRow[] = [
  ...taskNameRows,
  ...rawRows,
  ...shapeRows,
  ...valueRows,
  ...headerRows,
  ...addressRows,
];
