// Makes dist/functions: the function app in one bundle, with all that the Functions host wants to find beside it. Its content is what is zipped and deployed.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { build, type BuildOptions, type Plugin } from 'esbuild';

import { buildDashboard } from './build-dashboard.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface Bundle {
  /** What the host loads. */
  main: string;
  /** Of all its files. */
  bytes: number;
  /** What is in it, largest first. */
  parts: { name: string; bytes: number }[];
}

/** The programming model has to stay outside, so that host and app have the same one. It needs these two. */
const outside = ['@azure/functions', '@azure/functions-extensions-base', 'cookie'];

/** CommonJS in the bundle asks for Node's own modules. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Messages in fifty languages, which nobody sees: ours are our own. */
const withoutLanguages: Plugin = {
  name: 'without languages',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /locales\/index\.js$/ }, ({ importer }) =>
      /node_modules\/zod\//.test(importer) ? { path: 'languages', namespace: 'left-out' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'export {};' }));
  },
};

const common = {
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node22',
  // A CommonJS module that is loaded later would have no named exports.
  mainFields: ['module', 'main'],
  format: 'esm',
  minify: true,
  legalComments: 'linked',
  metafile: true,
  // Docker is for other machines; what it needs has parts that are compiled for one system.
  external: [...outside, '@azure/functions-core', 'dockerode'],
  banner: { js: banner },
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** Loaded where telemetry is exported, and bundled apart: what an SDK has in common with the other packages would divide those into more files, which costs each cold start 20 ms of CPU time. */
const telemetryParts = ['telemetry-sdk', 'otlp-exporters', 'application-insights-exporters'];

const telemetryApart: Plugin = {
  name: 'telemetry apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/[a-z-]+\.ts$/ }, ({ kind, path }) => {
      const name = telemetryParts.find((part) => path === `./${part}.ts`);
      return kind === 'dynamic-import' && name !== undefined ? { path: `./${name}.js`, external: true } : undefined;
    }),
};

/**
 * Bundles an app whose entry is `entry` into `directory`, which is emptied first. What is loaded later is in files of its own: reading 2.5 MB to answer a first request that needs a fifth
 * of it takes 25 ms of CPU time.
 */
export async function bundleFunctions({
  directory = join(root, 'dist/functions'),
  entry = join(root, 'src/entry/functions.ts'),
} = {}): Promise<Bundle> {
  rmSync(directory, { recursive: true, force: true });
  const main = join(directory, 'functions.js');
  const app = await build({
    ...common,
    entryPoints: [entry],
    outdir: directory,
    entryNames: 'functions',
    chunkNames: 'part-[hash]',
    plugins: [withoutLanguages, telemetryApart],
  });
  const sdk = await build({
    ...common,
    entryPoints: telemetryParts.map((name) => join(root, `src/entry/telemetry/${name}.ts`)),
    outdir: directory,
    chunkNames: 'telemetry-part-[hash]',
  });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const manifest = { name: 'errand-functions', version, private: true, type: 'module', main: 'functions.js' };
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(root, 'functions/host.json'), join(directory, 'host.json'));
  mkdirSync(join(directory, 'runner-image'));
  cpSync(join(root, 'runner-image/script-runner.sh'), join(directory, 'runner-image/script-runner.sh'));
  await buildDashboard(join(directory, 'dist/web'));
  for (const name of outside) copyPackage(name, join(directory, 'node_modules', name));
  const outputs = [app, sdk].flatMap(({ metafile }) => Object.values(metafile.outputs));
  const inputs = outputs.flatMap(({ inputs: given }) => Object.entries(given));
  return { main, bytes: outputs.reduce((sum, { bytes }) => sum + bytes, 0), parts: byPackage(inputs) };
}

/** What runs of it: no sources, maps and types. */
function copyPackage(name: string, target: string): void {
  const source = join(root, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, {
    recursive: true,
    filter: (path) => !/\.(?:map|ts|md)$|\/(?:src|types|node_modules)$/.test(path.slice(source.length)),
  });
}

function byPackage(inputs: readonly (readonly [string, { bytesInOutput: number }])[]): Bundle['parts'] {
  const sums = new Map<string, number>();
  for (const [path, { bytesInOutput }] of inputs) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/.exec(path)?.[1] ?? 'errand';
    sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
  }
  return [...sums].map(([name, bytes]) => ({ name, bytes })).toSorted((a, b) => b.bytes - a.bytes);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { main, bytes, parts } = await bundleFunctions();
  const kilobytes = (count: number): string => `${Math.round(count / 1024).toLocaleString('en')} KB`;
  process.stdout.write(`${main}: ${kilobytes(bytes)}\n`);
  for (const part of parts.slice(0, 8)) process.stdout.write(`  ${kilobytes(part.bytes).padStart(8)}  ${part.name}\n`);
}
