import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { attempt } from './exchange.ts';
import type { TaskSpec } from './exchange.ts';
import { pathWith, needed, removePaths, shells } from './shells.ts';
import type { Shell } from './shells.ts';

afterAll(removePaths);

/** The filters that images bring with them: perl where it is there, else the awk of Debian or of busybox. */
function filters(): { name: string; shell: Shell }[] {
  const [dash, , , busybox] = shells();
  if (dash === undefined || busybox === undefined) throw new Error('no shell');
  const mawk = pathWith(
    [...needed, 'sha256sum', 'setsid', 'env', 'awk', 'sed', 'grep', 'head', 'base64', 'tr'].map(String),
  );
  return [
    { name: 'perl', shell: dash },
    { name: 'mawk', shell: { ...dash, path: mawk } },
    { name: 'busybox awk', shell: busybox },
  ];
}

/** A shell line that writes these bytes with one write a chunk. */
function writes(chunks: readonly Buffer[]): string {
  return chunks
    .map(
      (chunk) =>
        `printf '${[...chunk].map((byte) => String.raw`\0`.slice(0, 1) + byte.toString(8).padStart(3, '0')).join('')}'`,
    )
    .join('\n');
}

async function logOf(shell: Shell, task: TaskSpec): Promise<string> {
  let log = '';
  await attempt(shell, task, (exchange, ended) => {
    log = exchange.read('log').toString('latin1');
    expect(ended.stdout.toString('latin1')).toBe(log);
    expect(exchange.result().log).toMatchObject({ complete: true, bytes: log.length });
  });
  return log;
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

describe.concurrent.each(filters())('with $name', ({ shell }) => {
  const said = async (secrets: Record<string, string>, output: string): Promise<string> =>
    logOf(shell, { script: writes([Buffer.from(output)]), secrets: Object.keys(secrets), environment: secrets });

  test.each([
    ['plain', 'sesame', 'a sesame b sesame', 'a *** b ***'],
    ['regular expression characters', 'a.*[b]^$+?(){}|c', 'xa.*[b]^$+?(){}|cx aXXb', 'x***x aXXb'],
    ['slashes, quotes, ampersands', `p/q\\n&'"\`%s$`, `<p/q\\n&'"\`%s$>`, '<***>'],
    ['UTF-8', 'pässwörd☃', 'is pässwörd☃!', 'is ***!'],
    ['blanks at the ends', '  pass ', 'the   pass !', 'the ***!'],
    ['one that holds another', 'longer-one', 'longer-one', '***'],
    ['a run of itself', 'aaaa', 'aaaaaaaaa b', '*** b'],
    ['too short', 'abc', 'abc', 'abc'],
    ['empty', '', 'nothing', 'nothing'],
    ['several on lines', 'sesame', 'sesame\nx\n\nsesame\n', '***\nx\n\n***\n'],
    ['only a newline', 'sesame', '\n', '\n'],
    ['a value that ends in a newline', 'sesame\n', 'a sesame b', 'a *** b'],
    ['JSON', 'say "hi"\n\tnow\\', String.raw`{"v":"say \"hi\"\n\tnow\\"}`, '{"v":"***"}'],
    [
      'percent-encoded',
      'a b/ü&=',
      `x=${encodeURIComponent('a b/ü&=')}&y=${encodeURIComponent('a b/ü&=').toLowerCase()}`,
      'x=***&y=***',
    ],
    [
      'form-encoded',
      "it's (a) pass*",
      `x=${new URLSearchParams({ a: "it's (a) pass*" }).toString().slice(2)}&y`,
      'x=***&y',
    ],
    ['component-encoded', "it's (a) pass!", `x=${encodeURIComponent("it's (a) pass!")}&y`, 'x=***&y'],
    ['invalid UTF-8 around it', 'sesame', 'é\u0080sesame\u00ff', 'é\u0080***\u00ff'],
  ])('%s', async (_, secret, output, expected) => {
    expect(await said({ Token: secret }, output)).toBe(latin1(expected));
  });

  test('two secret values, one within the other, and two that overlap', async () => {
    expect(await said({ A: 'abcdef', B: 'bcde', C: 'defxyz', D: 'long' }, 'abcdef|abcdefxyz|xlongx|abcde')).toBe(
      '***|***|x***x|a***',
    );
  });

  test('each line of a value of several lines, with either line end and any indentation', async () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nab\n  kqhkiG9w0BAQ==\n-----END KEY-----\n';
    const output = `MIIEvQIBADANBg\r\n    kqhkiG9w0BAQ==\nx-----END KEY-----x\nab\n${key}`;
    expect(await said({ Key: key }, output)).toBe(
      '***\r\n  ***\nx***x\nab\n***\n***\nab\n***\n***\n'.replace('\r\n  ***', '\r\n  ***'),
    );
  });

  test('base64 by itself, within something longer at each alignment, for URLs, without padding and wrapped', async () => {
    const secret = 'pa??word>>>1';
    for (const value of [secret, `${secret}2`, `${secret}23`]) {
      const wholes = [
        ['', ''],
        ['u:', ''],
        ['me:', ''],
        ['you:', ''],
        ['x', 'y'],
        ['xx', 'yyy'],
        ['xxx', '\n'],
      ].map(([before, after]) => ({
        around: `${before}${after}`.length,
        encoded: Buffer.from(`${before}${value}${after}`).toString('base64'),
      }));
      const lines = wholes.flatMap(({ around, encoded }) =>
        [encoded, encoded.replaceAll('+', '-').replaceAll('/', '_'), encoded.replaceAll('=', '')].map((text) => ({
          around,
          text,
        })),
      );
      const log = (await said({ Token: value }, lines.map(({ text }) => `${text}\n`).join(''))).split('\n');
      for (const [index, { around }] of lines.entries()) {
        expect(log[index]).toContain('***');
        expect(log[index]?.replace('***', '').length).toBeLessThanOrEqual(4 + Math.ceil((around * 4) / 3));
      }
    }
    const long =
      'correct horse battery staple, and then some more of the same to make it wrap around, twice if need be, at last';
    const encoded = Buffer.from(long).toString('base64');
    for (const width of [64, 76]) {
      const wrapped = encoded.replaceAll(new RegExp(`.{${width}}`, 'g'), '$&\n');
      expect(await said({ Token: long }, wrapped)).toMatch(/^(\*\*\*\n)+\*\*\*$/);
    }
  });

  test('a line of megabytes, and secret values around the places where it could be cut', async () => {
    const script = `head -c 8095 /dev/zero | tr '\\0' x; i=0; while [ $i -lt 300 ]; do printf 'sesame-open%05d' $i; i=$((i+1)); done; head -c 4000000 /dev/zero | tr '\\0' y; echo sesame-open; echo end`;
    const log = await logOf(shell, { script, secrets: ['Token'], environment: { Token: 'sesame-open' } });
    const numbers = Array.from({ length: 300 }, (_, index) => `***${String(index).padStart(5, '0')}`).join('');
    expect(log).toBe(`${'x'.repeat(8095)}${numbers}${'y'.repeat(4_000_000)}***\nend\n`);
  });

  test('a secret value of 60,000 bytes', async () => {
    const secret = Array.from({ length: 6000 }, (_, index) => `line${String(index).padStart(6, '0')}`).join('');
    const log = await logOf(shell, {
      script: 'printf "<%s>" "$Token"',
      secrets: ['Token'],
      environment: { Token: secret },
    });
    expect(log).toBe('<***>');
  });

  test('the cap holds, what is dropped is counted, and the task goes on', () =>
    attempt(
      shell,
      {
        script:
          'i=0; while [ $i -lt 3000 ]; do echo "sesame-open and one hundred bytes more or less"; i=$((i+1)); done; exit 6',
        secrets: ['Token'],
        environment: { Token: 'sesame-open' },
        ticket: { ERRAND_LOG_MAX_BYTES: '65536' },
      },
      (exchange) => {
        const log = exchange.read('log').toString();
        expect(log.includes('sesame-open')).toBe(false);
        expect(log).toMatch(/\[errand: log truncated after 65536 bytes\]\n$/);
        const result = exchange.result();
        expect(result).toMatchObject({ exitCode: 6, log: { complete: true } });
        expect(result.log.droppedBytes).toBeGreaterThan(3000 * 38 - 65536 - 1);
        expect(result.log.droppedBytes).toBeLessThan(3000 * 46 - 65536);
      },
    ));

  test('random secret values, in random pieces: none is ever in the log, and nothing else is missing', async () => {
    const secret = fc
      .oneof(
        fc.string({ minLength: 4, maxLength: 40 }),
        fc.stringMatching(/^[ab]{4,8}$/),
        fc.string({ minLength: 4, maxLength: 12, unit: 'binary' }),
      )
      .filter(
        (value) =>
          !/[\0\n\r~]/.test(value) && Buffer.byteLength(value.trim()) >= 4 && Buffer.from(value).toString() === value,
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        async (secrets, sizes) => {
          const forms = secrets.flatMap((value) => [
            value,
            Buffer.from(value).toString('base64'),
            encodeURIComponent(value),
          ]);
          const output = Buffer.from(`~${forms.join('~')}~\n~${forms.toReversed().join('~\n~')}~`);
          const chunks: Buffer[] = [];
          for (let at = 0; at < output.length;) {
            const size = sizes.next().value ?? 1;
            chunks.push(output.subarray(at, at + size));
            at += size;
          }
          const environment = Object.fromEntries(secrets.map((value, index) => [`Secret${index}`, value]));
          const log = await logOf(shell, { script: writes(chunks), secrets: Object.keys(environment), environment });
          for (const form of forms) expect(log).not.toContain(latin1(form));
          expect(log.replaceAll(/[^~\n]/g, '')).toBe(output.toString('latin1').replaceAll(/[^~\n]/g, ''));
        },
      ),
      { numRuns: 12 },
    );
  });
});
