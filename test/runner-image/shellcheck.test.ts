import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { runnerScript } from './shells.ts';

test('shellcheck has nothing to say about the runner as POSIX sh', () => {
  const checked = spawnSync('shellcheck', ['-s', 'sh', runnerScript], { encoding: 'utf8' });
  if (checked.error !== undefined)
    throw new Error('shellcheck is missing: apt-get install shellcheck', { cause: checked.error });
  expect(checked.stdout).toBe('');
  expect(checked.status).toBe(0);
});
