import { after } from './time.ts';

/** A page that is not as long as it was by then is shorter now. */
const patienceMs = 5_000;

/** Shows the page so far down, as soon as it is drawn as far as that. Whoever does something meanwhile is left where they are. */
export function scrollOnceDrawn(top: number): () => void {
  const over = new AbortController();
  const { signal } = over;
  const stop = (): void => over.abort();
  const watch = new ResizeObserver(() => {
    if (document.documentElement.scrollHeight - innerHeight < top) return;
    scrollTo(0, top);
    stop();
  });
  watch.observe(document.body);
  const cancel = after(patienceMs, stop);
  signal.addEventListener('abort', () => {
    watch.disconnect();
    cancel();
  });
  for (const kind of ['wheel', 'touchstart', 'pointerdown', 'keydown']) addEventListener(kind, stop, { signal });
  return stop;
}
