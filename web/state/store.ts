import { useEffect, useState } from 'preact/hooks';

/** A value that several parts of the page look at. */
export interface Store<T> {
  get(): T;
  set(value: T): void;
  subscribe(callback: () => void): () => void;
}

export function store<T>(initial: T): Store<T> {
  let current = initial;
  const callbacks = new Set<() => void>();
  return {
    get: () => current,
    set: (value) => {
      if (Object.is(value, current)) return;
      current = value;
      for (const callback of callbacks) callback();
    },
    subscribe: (callback) => {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
  };
}

export function useStore<T>(of: Store<T>): T {
  const [value, setValue] = useState(() => of.get());
  useEffect(() => {
    const look = (): void => setValue(() => of.get());
    look();
    return of.subscribe(look);
  }, [of]);
  return value;
}
