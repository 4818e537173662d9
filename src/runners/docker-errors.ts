import { ErrandError } from '../contract/errors.ts';

/** The engine answered with an HTTP status that is not success. The message is the engine's own. */
export class EngineAnswer extends Error {
  readonly status: number;

  constructor(status: number, cause: unknown) {
    super(engineMessage(cause), { cause });
    this.name = 'EngineAnswer';
    this.status = status;
  }
}

export function isAnswer(error: unknown, status: number): error is EngineAnswer {
  return error instanceof EngineAnswer && error.status === status;
}

/** The HTTP status of an error of the client; undefined where no answer came. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** The sentence that the engine wrote, without what the client puts around it. */
function engineMessage(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'json' in error) {
    const { json } = error;
    if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string') {
      return json.message.trim();
    }
  }
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such socket: start Docker, or set DOCKER_HOST to where it listens.',
  ECONNREFUSED: 'Nobody listens there: start Docker, or set DOCKER_HOST to where it listens.',
  EACCES:
    'This user may not use the socket: add it to the group "docker" and log in again, or set DOCKER_HOST to an engine of its own.',
  EPERM:
    'This user may not use the socket: add it to the group "docker" and log in again, or set DOCKER_HOST to an engine of its own.',
  ENOTFOUND: 'The host name is not known: check DOCKER_HOST.',
  EAI_AGAIN: 'The host name cannot be looked up at the moment: check DOCKER_HOST and the name server.',
};

/** What is thrown where no answer came: whether the engine did what it was asked is open. */
export function unreachable(what: string, address: string, cause: unknown): ErrandError {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  const why = cause instanceof Error ? cause.message : String(cause);
  const mend = advice[code] ?? 'Check that Docker runs and answers ("docker info"), or set DOCKER_HOST.';
  return new ErrandError(
    'platformUnavailable',
    `Docker at ${address} gave no answer when asked to ${what} (${why}). ${mend}`,
    { cause },
  );
}
