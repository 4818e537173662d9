import type { RunnerAccess } from '../../../src/core/ports/artifact-store.ts';
import type { RunnerHands } from '../../../src/testing/sample-exchange.ts';

/** A request as the runner makes it, which must succeed. */
export async function send(
  url: string | undefined,
  init: RequestInit & { headers: Record<string, string> },
): Promise<void> {
  const answer = await fetch(url ?? '', { method: 'PUT', ...init });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}

export const createOnly = { 'if-none-match': '*', 'x-ms-blob-type': 'BlockBlob' };

/** What a runner does with its signed URLs. */
export function blobHands(access: RunnerAccess): RunnerHands {
  if (access.kind !== 'signedUrls') throw new TypeError('this store gives signed URLs');
  const urls = access.secure;
  const files = (urls['ERRAND_FILE_URLS'] ?? '').split('\n');
  let slot = 0;
  return {
    takeFence: (text) => send(urls['ERRAND_FENCE_URL'], { headers: createOnly, body: text }),
    log: (text) => send(`${urls['ERRAND_LOG_URL']}&comp=appendblock`, { headers: {}, body: text }),
    output: (text) => send(urls['ERRAND_OUTPUT_URL'], { headers: createOnly, body: text }),
    file: (_, text) => send(files[slot++], { headers: createOnly, body: text }),
    result: (text) => send(urls['ERRAND_RESULT_URL'], { headers: createOnly, body: text }),
  };
}
