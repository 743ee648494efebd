/** A choice of this browser that outlives the page. A browser without storage forgets it. */
import { useEffect, useReducer } from 'preact/hooks';

export interface StoredChoice<T extends string> {
  get(): T;
  set(value: T): void;
  /** Renders again when it changes. */
  use(): T;
}

/** @param values the first one is the default */
export function storedChoice<T extends string>(name: string, values: readonly [T, ...T[]]): StoredChoice<T> {
  const key = `kora-wake:${name}`;
  const listeners = new Set<() => void>();
  let current = values.find((value) => value === read(key)) ?? values[0];
  const get = () => current;
  return {
    get,
    set(value) {
      current = value;
      write(key, value);
      for (const listener of listeners) listener();
    },
    use() {
      const [, changed] = useReducer<number, void>((n) => n + 1, 0);
      useEffect(() => {
        listeners.add(changed);
        return () => void listeners.delete(changed);
      }, []);
      return get();
    },
  };
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The browser stores nothing for this page.
  }
}
