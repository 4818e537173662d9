import type { Clock } from '../core/clock.ts';

/** Longer than the server below takes to send a head, in milliseconds. */
const headMs = 100;

/**
 * The body of an answer that is going to succeed. Its first piece is read before there is an answer: what cannot be read is said by a status, which comes with the head.
 * What fails later waits for the head: @hono/node-server reads ahead before it sends that, and would answer with a bare 500 where the connection is to break off.
 */
export async function startedBody(
  source: ReadableStream<Uint8Array>,
  clock: Pick<Clock, 'sleep'>,
): Promise<ReadableStream<Uint8Array>> {
  const reader = source.getReader();
  let first: Awaited<ReturnType<typeof reader.read>> | undefined = await reader.read();
  const next = async (): Promise<NonNullable<typeof first>> => {
    try {
      return await reader.read();
    } catch (error) {
      await clock.sleep(headMs);
      throw error;
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = first ?? (await next());
        first = undefined;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
