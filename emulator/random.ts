/** All chance of one emulator. The same seed and the same order of questions give the same answers. */
export interface Random {
  /** From 0 up to, but not including, 1. */
  next(): number;
  /** `length` hexadecimal digits. */
  hex(length: number): string;
  /** Looks like a random UUID (RFC 9562, version 4). */
  uuid(): string;
}

/** A xorshift generator of 32 bits (Marsaglia 2003): enough for faults, no use for secrets. */
export function seededRandom(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e_37_79_b9, 0x85_eb_ca_6b) || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  // The first numbers of neighbouring seeds are alike.
  for (let count = 0; count < 8; count += 1) next();
  const hex = (length: number): string => Array.from({ length }, () => Math.floor(next() * 16).toString(16)).join('');
  return { next, hex, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}` };
}
