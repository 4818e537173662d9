import { store, useStore } from './store.ts';

/** Where the page is: the path, and what is asked of it. */
export interface Place {
  path: string;
  query: URLSearchParams;
  hash: string;
  /** Another one with each step forward or back; `replace` is none. */
  visit: number;
}

interface Kept {
  scroll?: number;
}

const place = store<Place>(current(0));
/** Where one was on the page that Back leads to. */
let kept = 0;

function current(visit: number): Place {
  const { pathname, search, hash } = location;
  return { path: pathname, query: new URLSearchParams(search), hash, visit };
}

export function usePlace(): Place {
  return useStore(place);
}

/** Goes to an address of this page. `replace` leaves no entry behind that Back would lead to. */
export function go(address: string, { replace = false } = {}): void {
  const { visit } = place.get();
  if (replace) history.replaceState(null, '', address);
  else {
    history.replaceState({ scroll: scrollY } satisfies Kept, '');
    history.pushState(null, '', address);
    kept = 0;
  }
  place.set(current(replace ? visit : visit + 1));
}

/** How far down the page that is gone to is to be shown, told once. */
export function takeScroll(): number {
  const taken = kept;
  kept = 0;
  return taken;
}

/** The address of the same place with some of its questions changed; `undefined` takes one away. */
export function withQuery(
  { path, query }: Place,
  changes: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) next.append(name, each);
  }
  const text = next.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Follows links within the page without loading it again. Everything else is the browser's. */
export function startRouter(): void {
  // What a page shows is read first, so the browser would look for the place on a page that is still empty.
  history.scrollRestoration = 'manual';
  addEventListener('popstate', (event) => {
    kept = (event.state as Kept | null)?.scroll ?? 0;
    place.set(current(place.get().visit + 1));
  });
  addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
    if (link.pathname.startsWith('/api/')) return;
    if (link.getAttribute('href')?.startsWith('#') === true) return;
    event.preventDefault();
    go(link.href);
  });
}
