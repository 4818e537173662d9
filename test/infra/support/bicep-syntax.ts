import { fileURLToPath } from 'node:url';
import { Language, Parser, type Node } from 'web-tree-sitter';

/** The grammar as WebAssembly: the native one would be compiled at installation, with a tool chain that not everybody has. */
const grammar = fileURLToPath(import.meta.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm'));

let parser: Promise<Parser> | undefined;

async function makeParser(): Promise<Parser> {
  await Parser.init();
  const made = new Parser();
  made.setLanguage(await Language.load(grammar));
  return made;
}

/** The root of the syntax tree of a Bicep text, whatever the text is. */
export async function parseBicep(text: string): Promise<Node> {
  const tree = (await (parser ??= makeParser())).parse(text);
  if (tree === null) throw new Error('The parser has no language');
  return tree.rootNode;
}

/** Where the text is no Bicep, as `line:column what`; lines and columns count from 1. */
export function syntaxErrors(root: Node): string[] {
  const found: string[] = [];
  for (const node of allNodes(root)) {
    const { row, column } = node.startPosition;
    if (node.isMissing) found.push(`${row + 1}:${column + 1} ${node.type} is missing`);
    else if (node.isError) found.push(`${row + 1}:${column + 1} ${node.text.slice(0, 40)}`);
  }
  return found;
}

/** The node and everything below it. */
export function* allNodes(node: Node): Generator<Node, void> {
  yield node;
  for (const child of node.children) yield* allNodes(child);
}

/** Children that mean something: no brackets, no commas, no comments. */
export function meaning(node: Node): Node[] {
  return node.namedChildren.filter(({ type }) => type !== 'comment' && type !== 'diagnostic_comment');
}
