/** Bytes of a UTF-8 sequence that begins with this byte; 1 for whatever begins none. */
function sequenceLength(byte: number): number {
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xf0 && byte <= 0xf4 ? 4 : 1;
}

/** How many of the bytes end with a whole character. What follows may be the beginning of one whose rest is still to come. */
export function wholeCharacters(bytes: Uint8Array): number {
  const earliest = Math.max(0, bytes.length - 3);
  for (let start = bytes.length - 1; start >= earliest; start -= 1) {
    const byte = bytes[start] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return start + sequenceLength(byte) > bytes.length ? start : bytes.length;
  }
  return bytes.length;
}

/** As text; bytes that are no UTF-8 become U+FFFD. A byte order mark is a character like any other. */
export function toText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}
