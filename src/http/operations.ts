import type { PrincipalView } from '../contract/principal.ts';
import type { AppOptions } from './app-options.ts';
import type { Handlers } from './handlers.ts';
import type { HttpMetrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';

/** What those who run the server ask it. */
export function operationHandlers(
  { orchestrator, version, keys }: AppOptions,
  metrics: Pick<HttpMetrics, 'text'>,
): Handlers<'whoami' | 'healthz' | 'readyz' | 'metrics' | 'openapi'> {
  let document: string | undefined;
  return {
    whoami: (c) => {
      const { name, scopes, tasks } = c.get('principal');
      return c.json({
        name,
        scopes: [...scopes],
        ...(tasks === undefined ? {} : { tasks: [...tasks] }),
      } satisfies PrincipalView);
    },

    /** The process lives, whatever else does not. */
    healthz: (c) => c.json({ status: 'ok' }),

    readyz: async (c) => {
      const notes = await orchestrator.ready();
      return c.json({ status: 'ready', ...notes });
    },

    metrics: async () => {
      const { contentType, body } = await metrics.text();
      return new Response(body, { headers: { 'Content-Type': contentType } });
    },

    openapi: () => {
      document ??= JSON.stringify(openApiDocument(version, { hasKeys: keys !== undefined }));
      return new Response(document, { headers: { 'Content-Type': 'application/vnd.oai.openapi+json;version=3.1' } });
    },
  };
}
