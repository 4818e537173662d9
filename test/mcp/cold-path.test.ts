import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

/** Packages that a process has loaded after it has imported this file of src/. */
async function packagesOf(file: string): Promise<string[]> {
  const script = `
    import { registerHooks } from 'node:module';
    const names = new Set();
    registerHooks({ load: (url, context, next) => {
      const [, name] = /node_modules\\/((?:@[^/]+\\/)?[^/]+)(?!.*node_modules)/.exec(url) ?? [];
      if (name !== undefined) names.add(name);
      return next(url, context);
    } });
    await import(${JSON.stringify(fileURLToPath(new URL(`../../src/${file}`, import.meta.url)))});
    process.stdout.write(JSON.stringify([...names]));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  return JSON.parse(stdout) as string[];
}

test.each(['http/app.ts', 'entry/functions/parts.ts', 'entry/commands/mcp.ts'])(
  '%s does not load the SDK: others should not pay for it',
  async (file) => {
    const packages = await packagesOf(file);
    expect(packages).toContain('zod');
    expect(packages).not.toContain('@modelcontextprotocol/sdk');
  },
);

test('with the SDK comes no web server of its own', async () => {
  const packages = await packagesOf('mcp/http-door.ts');
  expect(packages).toContain('@modelcontextprotocol/sdk');
  for (const name of ['express', 'cors', 'raw-body', 'eventsource', 'cross-spawn'])
    expect(packages).not.toContain(name);
});
