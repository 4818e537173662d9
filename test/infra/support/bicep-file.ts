import { readFileSync } from 'node:fs';
import type { Node } from 'web-tree-sitter';
import { allNodes, meaning, parseBicep, syntaxErrors } from './bicep-syntax.ts';
import { codeOf, properties, stringOf, valueOf, type BicepValue } from './bicep-value.ts';

export interface Declared {
  name: string;
  node: Node;
  /** Names of the decorators above it. */
  decorators: readonly string[];
}

export interface Parameter extends Declared {
  hasDefault: boolean;
}

export interface Valued extends Declared {
  value: BicepValue;
}

/** A resource or a module. */
export interface Deployed extends Valued {
  /** Type of a resource without its version and with those of its parents; path or registry address of a module. */
  type: string;
  version: string | undefined;
  existing: boolean;
  condition: string | undefined;
  /** What it is made for each of. */
  each: { variable: string; of: string } | undefined;
}

export interface BicepFile {
  path: string;
  root: Node;
  parameters: ReadonlyMap<string, Parameter>;
  variables: ReadonlyMap<string, Valued>;
  outputs: ReadonlyMap<string, Valued>;
  /** Nested ones go by the names of their parents, too: `account::queueServices::queue`. */
  resources: ReadonlyMap<string, Deployed>;
  modules: ReadonlyMap<string, Deployed>;
}

export async function readBicep(path: string): Promise<BicepFile> {
  return bicepFile(path, readFileSync(path, 'utf8'));
}

/** Throws where the text is no Bicep. */
export async function bicepFile(path: string, text: string): Promise<BicepFile> {
  const root = await parseBicep(text);
  const errors = syntaxErrors(root);
  if (errors.length > 0) throw new Error(`${path} is no Bicep: ${errors.join('; ')}`);
  const file = {
    path,
    root,
    parameters: new Map<string, Parameter>(),
    variables: new Map<string, Valued>(),
    outputs: new Map<string, Valued>(),
    resources: new Map<string, Deployed>(),
    modules: new Map<string, Deployed>(),
  };
  let decorators: string[] = [];
  for (const node of meaning(root)) {
    if (node.type === 'decorators') {
      decorators = meaning(node).flatMap((decorator) =>
        meaning(decorator).map((call) => call.text.split('(', 1)[0] ?? ''),
      );
      continue;
    }
    const name = meaning(node)[0]?.text ?? '';
    const declared = { name, node, decorators };
    decorators = [];
    if (node.type === 'parameter_declaration') {
      const hasDefault = node.children.some(({ type }) => type === '=');
      file.parameters.set(name, { ...declared, hasDefault });
    } else if (node.type === 'variable_declaration') {
      file.variables.set(name, { ...declared, value: valueOf(last(node)) });
    } else if (node.type === 'output_declaration') {
      file.outputs.set(name, { ...declared, value: valueOf(last(node)) });
    } else if (node.type === 'module_declaration') {
      file.modules.set(name, deployed(declared, ''));
    } else if (node.type === 'resource_declaration') {
      addResource(file.resources, declared, undefined);
    }
  }
  return file;
}

function addResource(resources: Map<string, Deployed>, declared: Declared, parent: Deployed | undefined): void {
  const name = parent === undefined ? declared.name : `${parent.name}::${declared.name}`;
  const resource = deployed({ ...declared, name }, parent === undefined ? '' : `${parent.type}/`);
  resources.set(name, resource);
  const body = bodyOf(declared.node);
  for (const { type, namedChildren } of body.namedChildren) {
    const nested = type === 'object_property' ? namedChildren[0] : undefined;
    if (nested?.type === 'resource_declaration')
      addResource(resources, { name: meaning(nested)[0]?.text ?? '', node: nested, decorators: [] }, resource);
  }
}

function deployed(declared: Declared, parentType: string): Deployed {
  const { node } = declared;
  const [, typeNode] = meaning(node);
  if (typeNode === undefined) throw new Error(`No type: ${node.text}`);
  const [type = '', version] = stringOf(typeNode).split('@');
  const loop = meaning(node).find((child) => child.type === 'for_statement');
  const condition = [...allNodes(node)].find((child) => child.type === 'if_statement');
  const body = bodyOf(node);
  return {
    ...declared,
    type: parentType + type,
    version,
    existing: node.children.some((child) => child.type === 'existing'),
    condition: condition === undefined ? undefined : codeOf(conditionOf(condition)),
    each: loop === undefined ? undefined : eachOf(loop),
    value: Object.fromEntries(properties(body).map(([name, value]): [string, BicepValue] => [name, valueOf(value)])),
  };
}

function bodyOf(declaration: Node): Node {
  const body = [...allNodes(declaration)].find((node) => node.type === 'object');
  if (body === undefined) throw new Error(`No body: ${declaration.text}`);
  return body;
}

function conditionOf(statement: Node): Node {
  const parenthesized = meaning(statement)[0];
  const condition = parenthesized === undefined ? undefined : meaning(parenthesized)[0];
  if (condition === undefined) throw new Error(`No condition: ${statement.text}`);
  return condition;
}

function eachOf(loop: Node): { variable: string; of: string } {
  const [variables, of] = meaning(loop);
  if (variables === undefined || of === undefined) throw new Error(`Nothing to loop over: ${loop.text}`);
  const variable = variables.type === 'for_loop_parameters' ? meaning(variables)[0]?.text : variables.text;
  return { variable: variable ?? '', of: codeOf(of) };
}

function last(node: Node): Node {
  const child = meaning(node).at(-1);
  if (child === undefined) throw new Error(`Empty: ${node.text}`);
  return child;
}
