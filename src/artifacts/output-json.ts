import { limits } from '../contract/limits.ts';

/** The JSON that a task left, or why it is not taken, for people. */
export function parseOutput(bytes: Uint8Array): { output: unknown } | { problem: string } {
  if (bytes.length > limits.outputBytes)
    return {
      problem: `it has ${bytes.length} bytes, more than the ${limits.outputBytes} allowed; leave a file in $ERRAND_OUTPUT_DIR instead`,
    };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Before parsing: what walks a value nested 30,000 deep later on runs out of stack.
    if (depth(text) > limits.bodyDepth) return { problem: `it is nested more than ${limits.bodyDepth} deep` };
    const output: unknown = JSON.parse(text, refusePrototype);
    return { output };
  } catch (error) {
    return { problem: `it is not JSON in UTF-8 (${error instanceof Error ? error.message : String(error)})` };
  }
}

/** Copied into another object, this key would set its prototype. */
function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('the key __proto__ is not allowed');
  return value;
}

/** Brackets open at once, strings left out. */
function depth(text: string): number {
  let open = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') deepest = Math.max(deepest, (open += 1));
    else if (character === '}' || character === ']') open -= 1;
  }
  return deepest;
}
