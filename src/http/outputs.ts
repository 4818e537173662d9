import { ErrandError } from '../contract/errors.ts';
import type { AppOptions } from './app-options.ts';
import type { Handlers } from './handlers.ts';
import { isEnded } from '../core/view.ts';
import { startedBody } from './started-body.ts';
import { pathPart, visibleRun } from './visible-run.ts';

export function outputHandlers({ orchestrator, artifacts, clock }: AppOptions): Handlers<'getOutput'> {
  return {
    getOutput: async (c) => {
      const run = await visibleRun(c, orchestrator);
      const name = pathPart(c, 'file');
      const file = isEnded(run) ? run.files.find((each) => each.name === name) : undefined;
      const content =
        file === undefined
          ? undefined
          : await artifacts
              .exchange({ runId: run.id, attempt: run.attempts.length })
              .readFile(name, { signal: c.req.raw.signal });
      if (file === undefined || content === undefined) {
        const there = isEnded(run)
          ? run.files.map((each) => each.name).join(', ') || 'none'
          : `none yet, it is ${run.state}`;
        throw new ErrandError(
          'outputNotFound',
          `run ${run.id} left no file ${JSON.stringify(name.slice(0, 80))}; its files: ${there}`,
          { runId: run.id },
        );
      }
      const headers = {
        'Content-Type': 'application/octet-stream',
        'Content-Length': String(content.bytes),
        'Content-Disposition': `attachment; filename="${file.name}"`,
        ETag: `"${file.sha256}"`,
      };
      if (c.req.method !== 'HEAD') return new Response(await startedBody(content.body, clock), { headers });
      await content.body.cancel();
      return new Response(null, { headers });
    },
  };
}
