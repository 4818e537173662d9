import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openTerminals, type Terminals } from './support/terminals.ts';
import { blocksOf, changed, isShown, stepsOf, type Block } from './support/walkthrough.ts';
import { freePort } from '../support/listen.ts';

const page = await readFile(new URL('../../docs/tutorial.md', import.meta.url), 'utf8');

let terminals: Terminals;
let receiverPort: number;
beforeEach(async () => {
  terminals = await openTerminals();
  receiverPort = await freePort();
});
afterEach(() => terminals.close());

/** Another port than that of the page may have to do. */
const here = (text: string): string => text.replaceAll('9000', String(receiverPort));

async function follow(block: Block): Promise<void> {
  const { language, target } = block;
  const text = here(block.text);
  if (target?.includes('.') === true) {
    const path = join(terminals.directory, target);
    await mkdir(dirname(path), { recursive: true });
    const content = language === 'diff' ? changed(await readFile(path, 'utf8'), { ...block, text }) : text;
    await writeFile(path, content);
  } else if (language === 'text') {
    // Whatever it has printed before.
    await expect
      .poll(() => terminals.outputOf(target ?? ''), { timeout: 10_000 })
      .toSatisfy((output: string) => isShown(output, `…\n${text}`), `the page shows ${text}`);
  } else if (target !== undefined) {
    await terminals.start(target, text, /ready|waiting/);
  } else if (language === 'sh') {
    expect(await terminals.type(text)).toEqual({ code: 0, output: '' });
  } else {
    for (const { command, shown } of stepsOf(block)) {
      const { output } = await terminals.type(command);
      if (!isShown(output, shown)) throw new Error(`$ ${command}\nprints\n${output}\nthe page shows\n${shown}`);
    }
  }
}

test('every command of the tutorial does what the page says', async () => {
  const blocks = blocksOf(page);
  for (const block of blocks) await follow(block);
  // Nobody is told of a page that has lost its commands.
  expect(blocks.filter(({ language }) => language === 'console').flatMap(stepsOf).length).toBeGreaterThan(12);
}, 120_000);
