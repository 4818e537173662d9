/** A refusal as Azure Resource Manager answers it: `{"error":{"code","message"}}` with an HTTP status. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'ArmError';
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  body(): { error: { code: string; message: string } } {
    return { error: { code: this.code, message: this.message } };
  }
}

/** The request has a form that the service does not take. */
export function invalidRequest(message: string): ArmError {
  return new ArmError(400, 'InvalidRequestContent', message);
}
