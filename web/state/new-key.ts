/** An idempotency key: 128 random bits. `crypto.randomUUID` is there for https and localhost alone. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
