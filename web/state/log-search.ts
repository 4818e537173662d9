import { useEffect, useState } from 'preact/hooks';
import { withoutAnsi } from '../text/ansi.ts';
import type { LogLines } from '../text/log-lines.ts';
import { after } from './time.ts';

export interface LogSearch {
  /** Numbers of the lines that have the text, from 0. */
  found: readonly number[];
  isSearching: boolean;
}

/** The page answers to other things after this, in milliseconds. */
const sliceMs = 12;
/** Between two looks at the clock. */
const batch = 500;
const none: LogSearch = { found: [], isSearching: false };

/** Looks for a text in all lines, a slice at a time, and in those that come later. Capital letters make no difference. */
export function useLogSearch(lines: LogLines, revision: number, text: string): LogSearch {
  const [search, setSearch] = useState<LogSearch & { lines?: LogLines; text?: string; upTo: number }>({
    ...none,
    upTo: 0,
  });
  const wanted = text.toLowerCase();

  useEffect(() => {
    if (wanted === '') {
      setSearch({ ...none, upTo: 0 });
      return undefined;
    }
    const isSame = search.lines === lines && search.text === wanted;
    const found = isSame ? [...search.found] : [];
    let next = isSame ? search.upTo : 0;
    // The last line may still grow: it is looked at again.
    while (found.length > 0 && (found.at(-1) ?? 0) >= next) found.pop();
    let cancel = (): void => {};
    const look = (): void => {
      const until = performance.now() + sliceMs;
      const { count } = lines;
      while (next < count && performance.now() < until) {
        const end = Math.min(count, next + batch);
        for (; next < end; next += 1)
          if (withoutAnsi(lines.line(next)).toLowerCase().includes(wanted)) found.push(next);
      }
      const isSearching = next < count;
      setSearch({ found: [...found], isSearching, lines, text: wanted, upTo: Math.max(0, next - 1) });
      if (isSearching) cancel = after(0, look);
    };
    look();
    return () => cancel();
  }, [lines, revision, wanted]);

  return search.lines === lines && search.text === wanted ? search : none;
}
