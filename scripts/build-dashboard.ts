import { fileURLToPath } from 'node:url';

import { build } from 'vite';

const web = fileURLToPath(new URL('../web', import.meta.url));

/** Builds the dashboard into `directory`, which is emptied first, as `npm run build` does into dist/web. */
export async function buildDashboard(directory: string): Promise<void> {
  await build({ root: web, logLevel: 'warn', build: { outDir: directory, emptyOutDir: true } });
}
