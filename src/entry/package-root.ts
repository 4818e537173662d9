import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The root of the package, seen from the source and from what is built of it. */
export const packageRoot = rootFrom(import.meta.dirname);

/** Where the build leaves the dashboard, and where the server finds it. */
export const dashboardDirectory = join(packageRoot, 'dist/web');

export function packageVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  return manifest.version;
}

function rootFrom(directory: string): string {
  if (existsSync(join(directory, 'package.json')) || dirname(directory) === directory) return directory;
  return rootFrom(dirname(directory));
}
