import { after } from './time.ts';

/** Long enough for the browser to begin. */
const keepMs = 60_000;

/** Brings an answer to the disk. A plain link could not show the key. */
export async function download(answer: Response, name: string): Promise<void> {
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  after(keepMs, () => URL.revokeObjectURL(url));
}
