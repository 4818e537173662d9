import { stripVTControlCharacters } from 'node:util';

const escape = String.fromCodePoint(0x1b);
/** A sequence whose end is still to come. No terminal waits longer for one. */
const unfinished = new RegExp(`${escape}(?:[[(#][0-9;:?<=>!]{0,60}[ -/]{0,3})?$`);

/**
 * Text as a model is to have it: without what is meant for a terminal. Colors cost it tokens and tell it nothing, and other sequences
 * hide a line from the person who looks on, and not from the model.
 */
export function plainText(text: string): string {
  return text.includes(escape) ? stripVTControlCharacters(text.replace(unfinished, '')).replaceAll(escape, '') : text;
}

/** The same of a text that comes in pieces: a sequence that is cut waits for its rest. */
export function plainPieces(): (piece: string) => string {
  let waiting = '';
  return (piece) => {
    const text = waiting + piece;
    waiting = unfinished.exec(text)?.[0] ?? '';
    return plainText(text.slice(0, text.length - waiting.length));
  };
}
