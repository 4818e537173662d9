import { store } from './store.ts';

/** What was said last to whoever cannot see what changed, and shown to whoever can. `id` tells two equal sentences apart. */
export const announcement = store<{ text: string; id: number }>({ text: '', id: 0 });

export function announce(text: string): void {
  announcement.set({ text, id: announcement.get().id + 1 });
}
