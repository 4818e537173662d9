import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PrismProxy {
  url: string;
  dispose(): Promise<void>;
}

export interface PrismOptions {
  /** Requests that the document does not allow are refused by prism. Without it they go on to the server, and only what that answers is judged. */
  judgesRequests: boolean;
}

const prism = fileURLToPath(import.meta.resolve('@stoplight/prism-cli/dist/index.js'));

/**
 * `prism proxy --errors` between a test and a server: an answer that is not as this OpenAPI document says becomes a 500, and one whose status it
 * does not have gets a header `sl-violations`.
 */
export async function prismProxy(
  document: object,
  upstream: string,
  { judgesRequests }: PrismOptions,
): Promise<PrismProxy> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-prism-'));
  const file = join(directory, 'openapi.json');
  await writeFile(file, JSON.stringify(document));
  const child = spawn(
    process.execPath,
    [
      prism,
      'proxy',
      file,
      upstream,
      '--errors',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      `--validate-request=${judgesRequests}`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } },
  );
  const exit = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      const address = /Prism is listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', () => reject(new Error(`prism ended: ${said}`)));
  });
  return {
    url,
    dispose: async () => {
      child.kill('SIGKILL');
      await exit;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
