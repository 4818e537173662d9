import { store, useStore } from './store.ts';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const themeName = 'errand.theme';

const theme = store<Theme>(kept());

function kept(): Theme {
  const name = localStorage.getItem(themeName);
  return themes.find((each) => each === name) ?? 'system';
}

export function useTheme(): Theme {
  return useStore(theme);
}

/** Kept for the next visit; `system` is what the machine says. */
export function setTheme(chosen: Theme): void {
  if (chosen === 'system') localStorage.removeItem(themeName);
  else localStorage.setItem(themeName, chosen);
  theme.set(chosen);
  applyTheme();
}

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = theme.get();
}
