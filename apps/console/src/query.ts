/** Choices of a page in its address, such as `#/noise?window=7d`. A reload, Back and a bookmark keep them. */
import { useEffect, useReducer } from 'preact/hooks';

export interface Query<K extends string> {
  get(name: K): string;
  /** @param options.replace no new entry in the browser's history, for a text that is being typed */
  set(next: Partial<Record<K, string>>, options?: { replace: boolean }): void;
}

/**
 * @param defaults values that are not in the address
 * @param accept makes a value that the API takes from one of the address; undefined: the default is used instead
 */
export function useQuery<K extends string>(
  defaults: Record<K, string>,
  accept: Partial<Record<K, (given: string) => string | undefined>> = {},
): Query<K> {
  const [, changed] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => {
    const update = () => changed();
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  const given = queryOf(location.hash);
  return {
    get: (name) => {
      const value = given.get(name);
      return (value === null ? undefined : (accept[name] ?? String)(value)) ?? defaults[name];
    },
    set: (next, { replace } = { replace: false }) => {
      const query = queryOf(location.hash);
      for (const name in next) query.set(name, next[name] ?? defaults[name]);
      for (const name in defaults) if (query.get(name) === defaults[name]) query.delete(name);
      const hash = [location.hash.replace(/\?.*$/, ''), query.toString()].filter(Boolean).join('?');
      // Both fire `hashchange`.
      if (replace) location.replace(hash);
      else location.hash = hash;
    },
  };
}

const queryOf = (hash: string) => new URLSearchParams(/\?(.*)$/.exec(hash)?.[1] ?? '');
