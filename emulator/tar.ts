const blockSize = 512;

export interface TarEntry {
  /** Relative; a directory ends in a slash. */
  readonly name: string;
  readonly content: Buffer;
  readonly mode: number;
}

function header({ name, content, mode }: TarEntry): Buffer {
  const block = Buffer.alloc(blockSize);
  if (Buffer.byteLength(name) > 100) throw new Error(`The name ${name} is longer than the 100 bytes that fit`);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(content.length, 11), 124);
  block.write(octal(0, 11), 136);
  block.write('        ', 148);
  block.write(name.endsWith('/') ? '5' : '0', 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\u0000 `, 148);
  return block;
}

/** A tar archive (POSIX.1-1988, ustar) of files owned by root, made in 1970. */
export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const padding = Buffer.alloc((blockSize - (entry.content.length % blockSize)) % blockSize);
    return [header(entry), entry.content, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * blockSize)]);
}
