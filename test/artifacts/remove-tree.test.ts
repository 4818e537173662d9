import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeTree, trashSuffix } from '../../src/artifacts/remove-tree.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'errand-remove-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('two who remove the same tree at the same time both find it gone', async () => {
  const tree = join(root, 'tree');
  for (let round = 0; round < 20; round += 1) {
    for (const directory of ['a/b/c', 'd', 'e/f']) {
      mkdirSync(join(tree, directory), { recursive: true });
      for (let file = 0; file < 5; file += 1) writeFileSync(join(tree, directory, String(file)), '');
    }
    await expect(Promise.all([removeTree(tree), removeTree(tree)])).resolves.toBeDefined();
    expect(existsSync(tree)).toBe(false);
    expect(existsSync(tree + trashSuffix)).toBe(false);
  }
});
