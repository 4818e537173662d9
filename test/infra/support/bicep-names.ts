import type { Node } from 'web-tree-sitter';
import type { BicepFile } from './bicep-file.ts';
import { meaning } from './bicep-syntax.ts';

/** Functions that the files may call. Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions */
const functions: ReadonlySet<string> = new Set(
  'base64ToString concat empty environment guid int items join last map replace resourceGroup split subscription subscriptionResourceId tenant toLower union uniqueString'.split(
    ' ',
  ),
);

/** Names that an expression uses and nothing declares, as `line name`. The compiler would say so, but it is not to be had offline. */
export function unknownNames(file: BicepFile): string[] {
  const declared = new Set([
    ...file.parameters.keys(),
    ...file.variables.keys(),
    ...file.modules.keys(),
    ...[...file.resources.keys()].filter((name) => !name.includes('::')),
  ]);
  const unknown: string[] = [];

  function look(node: Node, names: ReadonlySet<string>): void {
    switch (node.type) {
      case 'type':
      case 'decorators':
      case 'metadata_declaration':
      case 'property_identifier':
        return;
      case 'parameter_declaration':
      case 'variable_declaration':
      case 'output_declaration':
      case 'resource_declaration':
      case 'module_declaration':
      case 'object_property':
        return lookAll(meaning(node).slice(1), names);
      case 'lambda_expression':
      case 'for_statement':
        return lookAll(meaning(node).slice(1), new Set([...names, ...variablesOf(node)]));
      case 'resource_expression':
        return lookAll(meaning(node).slice(0, 1), names);
      case 'call_expression': {
        const [called, ...rest] = meaning(node);
        if (called?.type === 'identifier') {
          if (!functions.has(called.text)) report(called);
        } else if (called !== undefined) look(called, names);
        return lookAll(rest, names);
      }
      case 'identifier':
        if (!names.has(node.text)) report(node);
        return;
      default:
        return lookAll(meaning(node), names);
    }
  }

  function lookAll(nodes: readonly Node[], names: ReadonlySet<string>): void {
    for (const node of nodes) look(node, names);
  }

  function report(node: Node): void {
    unknown.push(`${node.startPosition.row + 1} ${node.text}`);
  }

  look(file.root, declared);
  return unknown;
}

function variablesOf(node: Node): string[] {
  const [variables] = meaning(node);
  if (variables === undefined) return [];
  return variables.type === 'for_loop_parameters' ? meaning(variables).map(({ text }) => text) : [variables.text];
}
