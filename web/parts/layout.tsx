import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { announcement } from '../state/announce.ts';
import { liveness } from '../state/changes.ts';
import { takeScroll, usePlace } from '../state/router.ts';
import { scrollOnceDrawn } from '../state/scroll.ts';
import { reachable, signOut, useSession } from '../state/session.ts';
import { useStore } from '../state/store.ts';
import { setTheme, themes, useTheme, type Theme } from '../state/theme.ts';
import { after } from '../state/time.ts';

const sections = [
  ['/', 'Overview'],
  ['/tasks', 'Tasks'],
  ['/schedules', 'Schedules'],
  ['/runs', 'Runs'],
] as const;

const noticeMs = 8_000;

/** What is around every page. */
export function Layout({ children }: { children: ComponentChildren }) {
  const { path } = usePlace();
  const { hasKey } = useSession();
  const isReachable = useStore(reachable);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="/">
          <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M9 16h11m-4.5-5 5 5-5 5" />
          </svg>
          Errand
        </a>
        <nav aria-label="Sections">
          {sections.map(([href, name]) => {
            const here = href === '/' ? path === '/' : path.startsWith(href);
            return (
              <a key={href} href={href} aria-current={here ? 'page' : undefined}>
                {name}
              </a>
            );
          })}
        </nav>
        <div class="top-end">
          <Liveness />
          <ThemeSwitch />
          {hasKey && (
            <button type="button" class="quiet" onClick={signOut}>
              Sign out
            </button>
          )}
        </div>
      </header>
      {!isReachable && (
        <p class="banner" role="alert">
          The server does not answer. This page tries again by itself.
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Notice />
    </>
  );
}

const words = {
  live: 'Live',
  connecting: 'Connecting',
  paused: 'Paused',
  refused: 'Not live',
  offline: 'Offline',
} as const;

function Liveness() {
  const state = useStore(liveness);
  const isReachable = useStore(reachable);
  const { signIn } = useSession();
  // There is nothing yet that could be live.
  if (signIn !== undefined && isReachable) return null;
  const live = state === 'live' && isReachable;
  return (
    <span class={`liveness ${live ? 'is-live' : ''}`} title={live ? 'Changes are shown as they come' : undefined}>
      {words[isReachable ? state : 'offline']}
    </span>
  );
}

const themeWords: Readonly<Record<Theme, string>> = { system: 'auto', light: 'light', dark: 'dark' };

function ThemeSwitch() {
  const theme = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  return (
    <button
      type="button"
      class="quiet"
      aria-label={`Colors: ${themeWords[theme]}. Change to ${themeWords[next]}`}
      onClick={() => setTheme(next)}
    >
      Colors: {themeWords[theme]}
    </button>
  );
}

/** The one place that says what has just happened. */
function Notice() {
  const { text, id } = useStore(announcement);
  const [hidden, setHidden] = useState(0);
  useEffect(() => after(noticeMs, () => setHidden(id)), [id]);
  return (
    <div class="notice" role="status" aria-live="polite">
      {text !== '' && hidden !== id && <p key={id}>{text}</p>}
    </div>
  );
}

/** The heading of a page: it names the window, and has the focus when the page was reached by a link. */
export function PageTitle({ title, children }: { title: string; children?: ComponentChildren }) {
  const { visit } = usePlace();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = title === 'Errand' ? title : `${title} · Errand`;
  }, [title]);
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement?.closest('main') === null)
      heading.current?.focus({ preventScroll: true });
    const top = takeScroll();
    if (top > 0) return scrollOnceDrawn(top);
    scrollTo(0, 0);
    return undefined;
  }, [visit]);
  return (
    <div class="page-title">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}
