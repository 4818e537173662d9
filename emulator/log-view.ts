import type { ContainerStatus, Logs } from './group.ts';
import type { EngineProcess } from './engine.ts';
import type { Switches } from './switches.ts';

/** The last `count` lines. A line break at the end ends a line and begins none. */
export function lastLines(bytes: Buffer, count: number): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= 1;
  for (let line = 0; line < count; line += 1) {
    const lineBreak = end <= 0 ? -1 : bytes.lastIndexOf(0x0a, end - 1);
    if (lineBreak === -1) return bytes;
    end = lineBreak;
  }
  return bytes.subarray(end + 1);
}

/** What stays of a container's log once it has stopped. */
export async function stoppedLog(process: EngineProcess, switches: Switches): Promise<Logs> {
  const bytes = switches.get('stoppedLogBytes');
  const lines = switches.get('stoppedLogLines');
  const [plain, stamped] = await Promise.all(
    [false, true].map(async (timestamps) =>
      lastLines((await process.log({ bytes, timestamps })).subarray(-bytes), lines),
    ),
  );
  return { plain: plain ?? Buffer.of(), stamped: stamped ?? Buffer.of() };
}

/** The log as the API shows it; undefined for a container that has not started. */
export async function logContent(
  { process, lastLog }: ContainerStatus,
  { tail, timestamps }: { tail: number | undefined; timestamps: boolean },
  switches: Switches,
): Promise<string | undefined> {
  const bytes = switches.get('runningLogBytes');
  const stopped = timestamps ? lastLog?.stamped : lastLog?.plain;
  const whole = stopped ?? (await process?.log({ bytes, timestamps }))?.subarray(-bytes);
  if (whole === undefined) return undefined;
  return (tail === undefined ? whole : lastLines(whole, tail)).toString('utf8');
}
