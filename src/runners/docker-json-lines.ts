import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** The objects of a stream that has one JSON object a line, as the engine reports events and the progress of pulls. Ends or throws with the stream. */
export async function* jsonLines(stream: Readable): AsyncGenerator<object> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield* parse(line);
  }
  yield* parse(rest);
}

function* parse(line: string): Generator<object> {
  if (line.trim() === '') return;
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null) yield value;
}
