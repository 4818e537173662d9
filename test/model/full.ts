import { check } from './checker.ts';
import { fullConfigs } from './configs.ts';

/** `npm run test:model`: the large searches, one line each; fails where one finds something. */
for (const [name, config] of Object.entries(fullConfigs)) {
  const before = performance.now();
  const { states, steps, settled, problem } = check(config, 16_000_000);
  const seconds = Math.round((performance.now() - before) / 1000);
  process.stdout.write(`${name}: ${states} states, ${steps} steps, ${settled} ways it ended, ${seconds} s\n`);
  if (problem === undefined) continue;
  process.stdout.write(`${problem.what}\n${problem.trace.map((step) => `  ${step}\n`).join('')}`);
  process.exitCode = 1;
}
