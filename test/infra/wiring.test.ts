import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { bicepFile, type BicepFile, type Deployed } from './support/bicep-file.ts';
import { unknownNames } from './support/bicep-names.ts';
import { at } from './support/bicep-value.ts';
import { mainPath, moduleFile, readInfra } from './support/infra.ts';
import { verifiedModules } from './support/verified-modules.ts';

let files: ReadonlyMap<string, BicepFile>;
beforeAll(async () => {
  files = await readInfra();
});

interface Interface {
  required: readonly string[];
  params: readonly string[];
  outputs: readonly string[];
}

function interfaceOf(file: BicepFile, module: Deployed): Interface {
  const local = moduleFile(files, file, module);
  if (local !== undefined) {
    const parameters = [...local.parameters.values()];
    return {
      required: parameters.filter(({ hasDefault }) => !hasDefault).map(({ name }) => name),
      params: parameters.map(({ name }) => name),
      outputs: [...local.outputs.keys()],
    };
  }
  const verified = verifiedModules[module.type.replace('br/public:avm/res/', '')];
  if (verified === undefined) throw new Error(`${file.path}: no version of ${module.type} is known`);
  return { required: ['name'], ...verified };
}

/** What does not fit between modules and those who use them. */
function misfits(file: BicepFile): string[] {
  const found: string[] = [];
  for (const module of file.modules.values()) {
    const { required, params, outputs } = interfaceOf(file, module);
    const given = Object.keys(Object(at(module.value, 'params')));
    found.push(
      ...required.filter((name) => !given.includes(name)).map((name) => `${module.name} is not given ${name}`),
      ...given.filter((name) => !params.includes(name)).map((name) => `${module.name} has no parameter ${name}`),
    );
    for (const [, output = ''] of file.root.text.matchAll(new RegExp(`\\b${module.name}!?\\.outputs\\.(\\w+)`, 'g')))
      if (!outputs.includes(output)) found.push(`${module.name} has no output ${output}`);
  }
  return found;
}

describe('the files fit together', () => {
  test('modules are given what they take, and asked for what they give', () => {
    expect([...files.values()].flatMap(misfits)).toEqual([]);
  });

  test('every name is declared', () => {
    expect([...files.values()].flatMap((file) => unknownNames(file).map((name) => `${file.path}:${name}`))).toEqual([]);
  });

  test('every file is used, and so is every parameter', () => {
    const main = files.get(mainPath);
    const used = new Set(
      main === undefined ? [] : [...main.modules.values()].map((module) => moduleFile(files, main, module)),
    );
    expect(
      [...files.values()].filter((file) => file.path !== mainPath && !used.has(file)).map(({ path }) => path),
    ).toEqual([]);
    for (const file of files.values())
      for (const name of file.parameters.keys())
        expect(file.root.text.match(new RegExp(`\\b${name}\\b`, 'g'))?.length, `${file.path} ${name}`).toBeGreaterThan(
          1,
        );
  });

  test('deployments within a group have names of their own', () => {
    for (const file of files.values()) {
      const names = [...file.modules.values()].map(({ value }) => JSON.stringify(at(value, 'name')));
      expect(names).toEqual([...new Set(names)]);
    }
  });

  test('azd fills in every parameter of the main file, and no other', () => {
    const { parameters }: { parameters: Record<string, { value: string }> } = JSON.parse(
      readFileSync('infra/main.parameters.json', 'utf8'),
    );
    expect(Object.keys(parameters).toSorted()).toEqual([...(files.get(mainPath)?.parameters.keys() ?? [])].toSorted());
    // Without a default azd asks, or a hook makes it.
    const asked = Object.keys(parameters).filter((name) => /^\$\{[A-Z_]+\}$/.test(parameters[name]?.value ?? ''));
    expect(asked).toEqual(['environmentName', 'location', 'secretKey']);
    const others = Object.values(parameters).filter(({ value }) => !/^\$\{[A-Z_]+\}$/.test(value));
    for (const { value } of others) expect(value).toMatch(/^\$\{ERRAND_[A-Z0-9_]+=[a-z0-9]*\}$/);
  });

  test('azd finds its environment by tags, and the one group of the app by name', () => {
    const main = files.get(mainPath);
    for (const name of ['group', 'runsGroup']) expect(at(main?.resources.get(name)?.value, 'tags')).toBe('=tags');
    expect(at(main?.variables.get('tags')?.value, 'azd-env-name')).toBe('=environmentName');
    expect(main?.outputs.get('AZURE_RESOURCE_GROUP')?.value).toBe('=group.name');
    const site = files.get('infra/modules/function-app.bicep')?.modules.get('site');
    expect(at(site?.value, 'params', 'tags')).toBe("=union(tags, { 'azd-service-name': 'errand' })");
  });
});

describe('a mistake is noticed:', () => {
  const cases: readonly (readonly [string, from: string, to: string])[] = [
    ['a parameter with a slip of the pen', 'queueName: storage', 'queuName: storage'],
    ['an output that is not there', 'storage.outputs.queueName', 'storage.outputs.queue'],
    [
      'a name that nothing declares',
      'location: location\n    tags: tags\n  }\n}\n\nmodule storage ',
      'location: region\n    tags: tags\n  }\n}\n\nmodule storage ',
    ],
    ['a function that there is none of', 'toLower(uniqueString(', 'lower(uniqueString('],
    ['a version that nobody has looked up', 'user-assigned-identity:0.4.1', 'user-assigned-identity:9.9.9'],
  ];
  test.each(cases)('%s', async (_case, from, to) => {
    const text = files.get(mainPath)?.root.text ?? '';
    expect(text).toContain(from);
    const changed = await bicepFile(mainPath, text.replace(from, to));
    const problems = () => [...misfits(changed), ...unknownNames(changed)];
    let found = ['unknown version'];
    try {
      found = problems();
    } catch (error) {
      expect(String(error)).toContain('no version of');
    }
    expect(found).not.toEqual([]);
  });
});
