export interface ServerEvent {
  event: string;
  data: string;
  id: string | undefined;
}

/** Parses server-sent events as they come. What a broken connection cut off is dropped, as the standard wants it. */
export async function* serverEvents(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      text += decoder.decode(value, { stream: true });
      const messages = text.split('\n\n');
      text = messages.pop() ?? '';
      for (const message of messages) {
        const event = parse(message);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    // Where reading has failed, that failure is on its way to the caller, and this would only say it again.
    await reader.cancel().catch(() => undefined);
  }
}

/** Undefined for a comment, and for a message that carries no data. */
function parse(message: string): ServerEvent | undefined {
  let event = 'message';
  let id: string | undefined;
  const data: string[] = [];
  for (const line of message.split('\n')) {
    const [, field, value = ''] = /^([a-z]+):? ?(.*)$/.exec(line) ?? [];
    if (field === 'event') event = value;
    else if (field === 'id') id = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { event, id, data: data.join('\n') };
}
