import type { Node } from 'web-tree-sitter';
import { meaning } from './bicep-syntax.ts';

/** What an expression says. Whatever is computed is a string that begins with `=`, like a formula. */
export type BicepValue = string | number | boolean | null | BicepValue[] | BicepObject;

export interface BicepObject {
  readonly [name: string]: BicepValue;
}

/** An expression on one line, however it is broken. */
export function codeOf(node: Node): string {
  return node.text.replaceAll(/\s+/g, ' ').replaceAll(/(?<=[([]) | (?=[)\]])/g, '');
}

export function isObject(value: BicepValue | undefined): value is BicepObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Strings keep their interpolations as `${…}`. */
export function valueOf(node: Node): BicepValue {
  switch (node.type) {
    case 'string':
      return stringOf(node);
    case 'number':
      return Number(node.text);
    case 'boolean':
      return node.text === 'true';
    case 'null':
      return null;
    case 'array':
      return meaning(node).map(valueOf);
    case 'object':
      return Object.fromEntries(properties(node).map(([name, value]) => [name, valueOf(value)]));
    default:
      return `=${codeOf(node)}`;
  }
}

export function stringOf(node: Node): string {
  const quotes = node.text.startsWith("'''") ? 3 : 1;
  return node.text.slice(quotes, -quotes);
}

/** Names and values of an object, in the order in which they are written; without the resources that are declared in it. */
export function properties(object: Node): [name: string, value: Node][] {
  return meaning(object)
    .filter(
      ({ type, namedChildren }) => type === 'object_property' && namedChildren[0]?.type !== 'resource_declaration',
    )
    .map((property) => {
      const [name, value] = meaning(property);
      if (name === undefined || value === undefined) throw new Error(`Neither name nor value: ${property.text}`);
      return [name.type === 'string' ? stringOf(name) : name.text, value];
    });
}

/** A property by its path, `undefined` where there is none. */
export function at(value: BicepValue | undefined, ...path: readonly string[]): BicepValue | undefined {
  let found = value;
  for (const name of path) found = isObject(found) ? found[name] : undefined;
  return found;
}

/** The expression, or the text of the string, that a property has. */
export function textAt(value: BicepValue | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path);
  if (typeof found === 'string') return found.replace(/^=/, '');
  throw new TypeError(`${path.join('.')} is neither a string nor an expression: ${JSON.stringify(found)}`);
}
