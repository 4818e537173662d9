/** An error of the server, with what can be done about it on the command line. */
export class HintedError extends Error {
  override readonly cause: unknown;
  readonly hints: readonly string[];

  constructor(cause: unknown, hints: readonly string[]) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'HintedError';
    this.cause = cause;
    this.hints = hints;
  }
}
