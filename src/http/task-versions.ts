import { createHash } from 'node:crypto';
import type { AppOptions } from './app-options.ts';
import type { Handlers } from './handlers.ts';
import { pathPart } from './visible-run.ts';
import { visibleTask } from './visible-task.ts';

type Names = 'listTaskVersions' | 'getTaskVersion' | 'getTaskExecutable';

export function taskVersionHandlers({ orchestrator }: AppOptions): Handlers<Names> {
  const { definitions } = orchestrator;
  return {
    listTaskVersions: async (c) => {
      const { signal } = c.req.raw;
      const { definition } = await definitions.load(visibleTask(c), signal);
      return c.json({ versions: await definitions.versions.list(definition.taskName, signal) });
    },

    getTaskVersion: async (c) => {
      const { signal } = c.req.raw;
      const { definition } = await definitions.load(visibleTask(c), signal);
      return c.json(await definitions.versions.load(definition.taskName, pathPart(c, 'version'), signal));
    },

    getTaskExecutable: async (c) => {
      const { signal } = c.req.raw;
      const { definition } = await definitions.load(visibleTask(c), signal);
      const version = c.req.query('version');
      const body =
        version === undefined
          ? await definitions.executable(definition.scriptName, signal)
          : await definitions.versions.executable(definition.taskName, version, signal);
      const headers = {
        'Content-Type': 'application/octet-stream',
        'Content-Length': String(body.length),
        'Content-Disposition': 'attachment',
        ETag: `"${createHash('sha256').update(body).digest('hex')}"`,
      };
      return new Response(c.req.method === 'HEAD' ? null : Buffer.from(body), { headers });
    },
  };
}
