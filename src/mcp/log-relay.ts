import type { Clock } from '../core/clock.ts';
import { plainPieces } from './plain-text.ts';

export interface LogText {
  attempt: number;
  text: string;
}

/** Passes a log on in notifications that are bounded in rate and size. */
export interface LogRelay {
  push(given: LogText): void;
  /** Passes on what is left. */
  end(): void;
}

/** Between two notifications, in milliseconds. */
const pauseMs = 250;

/** Of one notification, in characters. */
const messageLength = 8 * 1024;

/** Of all notifications of one call together, in characters: a model reads them all, and whoever wants more asks for it. */
const totalLength = 64 * 1024;

export function logRelay(send: (given: LogText) => void, clock: Pick<Clock, 'after'>): LogRelay {
  let waiting: LogText[] = [];
  let passed = 0;
  let stopTimer: (() => void) | undefined;
  let seen = 0;
  let plain = plainPieces();

  function sendNext(): void {
    const [first, ...others] = waiting;
    if (first === undefined) return;
    const length = wholeLength(first.text, messageLength);
    const left = first.text.slice(length);
    waiting = left === '' ? others : [{ attempt: first.attempt, text: left }, ...others];
    send({ attempt: first.attempt, text: first.text.slice(0, length) });
  }

  function tick(): void {
    stopTimer = undefined;
    sendNext();
    if (waiting.length > 0) rest();
  }

  function rest(): void {
    stopTimer = clock.after(pauseMs, tick);
  }

  return {
    push: ({ attempt, text: written }) => {
      if (passed > totalLength) return;
      if (attempt !== seen) plain = plainPieces();
      seen = attempt;
      const text = plain(written);
      if (text === '') return;
      const length = wholeLength(text, totalLength - passed);
      passed += text.length;
      const taken =
        passed <= totalLength ? text : `${text.slice(0, length)}\n(more is left out here: get_run_log has all of it)\n`;
      const last = waiting.at(-1);
      if (last?.attempt === attempt) last.text += taken;
      else waiting.push({ attempt, text: taken });
      if (stopTimer !== undefined) return;
      // The first line at once; what follows soon after goes together.
      sendNext();
      rest();
    },
    end: () => {
      stopTimer?.();
      stopTimer = undefined;
      while (waiting.length > 0) sendNext();
    },
  };
}

/** At most `length`, and no half of a surrogate pair at the end. */
function wholeLength(text: string, length: number): number {
  if (text.length <= length) return text.length;
  const last = text.charCodeAt(length - 1);
  return last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
}
