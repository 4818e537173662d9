/** Passes the body of an answer on as it comes, no faster than it is taken. */
export async function copyBody(response: Response, write: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  if (response.body === null) return;
  for await (const chunk of response.body) await write(chunk);
}
