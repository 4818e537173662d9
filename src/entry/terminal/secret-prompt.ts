import type { Io } from './io.ts';

const enter = new Set(['\r', '\n']);
const erase = new Set(['\u007f', '\b']);
const interrupt = '\u0003';
const endOfInput = '\u0004';
const eraseLine = '\u0015';

/**
 * Asks for a value without showing it. Undefined where the person gave up (Ctrl-C, or Ctrl-D on an empty line). Only for a terminal: raw
 * mode is what keeps the typed characters off the screen, so it is on before the question appears.
 */
export function askSecret(question: string, io: Io): Promise<string | undefined> {
  const { stdin } = io;
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = (value: string | undefined) => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      stdin.off('error', reject);
      stdin.setRawMode(false);
      stdin.pause();
      io.noteRaw('\n');
      resolve(value);
    };
    const onEnd = () => finish(undefined);
    const onData = (chunk: string) => {
      for (const character of chunk) {
        if (enter.has(character)) return finish(typed.join(''));
        if (character === interrupt || (character === endOfInput && typed.length === 0)) return finish(undefined);
        if (character === eraseLine) typed = [];
        else if (erase.has(character)) typed.pop();
        else if (character !== endOfInput) typed.push(character);
      }
    };
    stdin.setRawMode(true);
    stdin.setEncoding('utf8');
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.on('error', reject);
    stdin.resume();
    io.noteRaw(`${question} (not shown): `);
  });
}
