/** Never resolves: a server ends with its process, by a signal. */
export function untilClosed(): Promise<never> {
  return new Promise(() => {});
}
