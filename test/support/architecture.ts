import { posix } from 'node:path';

import { parseSync, Visitor } from 'oxc-parser';

interface Folder {
  /** Folders of src/ that it may import, besides itself. */
  readonly ours: readonly string[];
  /** Packages and built-in modules; undefined where it may import any. */
  readonly others?: readonly string[];
}

const driver: Folder = { ours: ['contract', 'core'] };

/** The arrows between the folders of src/. A folder that is not here may not exist. */
const folders: Readonly<Record<string, Folder>> = {
  contract: { ours: [], others: ['zod'] },
  core: {
    ours: ['contract'],
    others: [
      'zod',
      're2js',
      'ulid',
      'croner',
      'ipaddr.js',
      '@opentelemetry/api',
      'node:crypto',
      'node:timers/promises',
    ],
  },
  storage: driver,
  artifacts: driver,
  queues: driver,
  runners: driver,
  webhooks: driver,
  http: { ours: ['contract', 'core', 'client', 'mcp'] },
  client: { ours: ['contract'], others: [] },
  mcp: { ours: ['contract', 'core', 'client'] },
  testing: { ours: ['contract', 'core'] },
  entry: {
    ours: [
      'contract',
      'core',
      'storage',
      'artifacts',
      'queues',
      'runners',
      'webhooks',
      'http',
      'client',
      'mcp',
      'testing',
    ],
  },
};

const longestFile = 350;
const clockFile = 'src/core/clock.ts';
/** The client runs in browsers, apart from the core and its clock. */
const clientTimerFile = 'src/client/timer.ts';
/** The dashboard runs in browsers alone, and has its time from here. */
const webTimeFile = 'web/state/time.ts';
const environmentFile = 'src/entry/config.ts';

interface Found {
  readonly imports: string[];
  readonly uses: string[];
}

/** What a source text imports, and which of the calls that have one home each (time, environment, a shell) it makes. */
function read(path: string, text: string): Found {
  const { program, errors } = parseSync(path, text);
  const imports: string[] = [];
  const uses: string[] = errors.map((error) => `syntax that does not parse: ${error.message}`);
  const importFrom = (source: { readonly value: string } | null): void => {
    if (source !== null) imports.push(source.value);
  };
  const visitor = new Visitor({
    ImportDeclaration(node) {
      importFrom(node.source);
      if (node.source.value !== 'node:child_process') return;
      for (const part of node.specifiers) {
        const name = part.type === 'ImportSpecifier' && part.imported.type === 'Identifier' ? part.imported.name : '*';
        if (['exec', 'execSync', '*'].includes(name)) uses.push(`${name} of node:child_process`);
      }
    },
    ExportNamedDeclaration: (node) => importFrom(node.source),
    ExportAllDeclaration: (node) => importFrom(node.source),
    ImportExpression(node) {
      if (node.source.type === 'Literal' && typeof node.source.value === 'string') imports.push(node.source.value);
      else uses.push('import of a computed name');
    },
    TSImportType: (node) => importFrom(node.source),
    ExportDefaultDeclaration: () => void uses.push('default export'),
    CallExpression(node) {
      if (node.callee.type === 'Identifier' && /^set(?:Timeout|Interval)$/.test(node.callee.name))
        uses.push(node.callee.name);
    },
    NewExpression(node) {
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0)
        uses.push('new Date()');
    },
    MemberExpression(node) {
      if (node.object.type !== 'Identifier' || node.property.type !== 'Identifier' || node.computed) return;
      const name = `${node.object.name}.${node.property.name}`;
      if (name === 'Date.now' || name === 'process.env') uses.push(name);
    },
    Property(node) {
      const named = node.key.type === 'Identifier' && node.key.name === 'shell';
      if (named && node.value.type === 'Literal' && node.value.value !== false) uses.push('shell');
    },
  });
  visitor.visit(program);
  return { imports, uses };
}

const home: Readonly<Record<string, string>> = {
  'Date.now': clockFile,
  'new Date()': clockFile,
  setTimeout: clockFile,
  setInterval: clockFile,
  'process.env': environmentFile,
};

function packageOf(specifier: string): string {
  return specifier.startsWith('node:')
    ? specifier
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
}

function importProblem(path: string, specifier: string): string | undefined {
  const [top = '', folder = ''] = path.split('/');
  const relative = specifier.startsWith('.');
  const target = relative ? posix.join(posix.dirname(path), specifier) : '';
  if (top === 'emulator')
    return relative && !target.startsWith('emulator/') ? `imports ${target}, but shares nothing of ours` : undefined;

  if (top === 'web') {
    if (!relative)
      return packageOf(specifier) === 'preact' ? undefined : `imports ${packageOf(specifier)}; web may not`;
    return /^(?:web|src\/client|src\/contract)\//.test(target) ? undefined : `imports ${target}; web may not`;
  }

  const rule = folders[folder];
  if (rule === undefined) return `lies in src/${folder}, which is no folder of the layout`;
  if (!relative) {
    const name = packageOf(specifier);
    return rule.others === undefined || rule.others.includes(name) ? undefined : `imports ${name}; ${folder} may not`;
  }
  const [targetTop, targetFolder = ''] = target.split('/');
  if (targetTop === 'src' && (targetFolder === folder || rule.ours.includes(targetFolder))) return undefined;
  // The package's own version, and nothing else from outside src/.
  if (target === 'package.json' && folder === 'entry') return undefined;
  return `imports ${target}; ${folder} may not`;
}

/** Everything in these files (path from the repository's root → text) that breaks the layout or the house rules, one line each. */
export function architectureProblems(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  for (const [path, text] of files) {
    const lines = text.split('\n').length - 1;
    if (lines > longestFile) problems.push(`${path}: ${lines} lines, more than ${longestFile}`);
    const found = read(path, text);
    const imports = found.imports
      .map((specifier) => importProblem(path, specifier))
      .filter((problem) => problem !== undefined);
    const inSource = path.startsWith('src/') || path.startsWith('web/');
    // Suites wait for real processes and containers, as the tests do that they are part of.
    const mayWait = path.startsWith('src/testing/') || path === clientTimerFile || path === webTimeFile;
    const uses = found.uses.filter((use) => inSource && home[use] !== path && !(mayWait && home[use] === clockFile));
    problems.push(...[...imports, ...uses.map((use) => `uses ${use}`)].map((problem) => `${path}: ${problem}`));
  }
  return problems;
}
