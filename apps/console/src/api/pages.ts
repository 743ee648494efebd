/** A list across the pages of the API: the first page is polled, and older pages are loaded on demand. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Result } from './client.ts';
import { type Resource, type ResourceState, useResource } from './resource.ts';

interface Page<T> {
  entries: T[];
  nextCursor: string | null;
}

/** Lists of one kind. A query names one of them, without a page. */
interface ListKind<T> {
  first: (query: string) => Resource<Page<T>>;
  older: (query: string, cursor: string) => Promise<Result<Page<T>>>;
  idOf: (entry: T) => string;
  /** Whether the entry may change so that it leaves the list. */
  mayChange: (entry: T) => boolean;
}

export interface Pages<T> {
  state: ResourceState<Page<T>>;
  entries: T[];
  /** Null: the entries are complete. */
  cursor: string | null;
  more: () => void;
  error: string | undefined;
  loading: boolean;
}

/** The older pages of a list, joined. */
interface Older<T> {
  query: string;
  entries: T[];
  cursor: string | null;
  /** Number of requests that read them. */
  pages: number;
}

const MOST_REMEMBERED = 5;

/** @returns a hook for the lists of this kind */
export function pagedLists<T>(kind: ListKind<T>): (query: string) => Pages<T> {
  const { idOf, mayChange } = kind;
  /** The older pages of the last lists: a person opens an entry and comes back to the same place. */
  const remembered = new Map<string, Older<T>>();

  function remember(older: Older<T> | undefined, query: string): void {
    remembered.delete(query);
    if (older) remembered.set(query, older);
    const [oldest] = remembered.keys();
    if (remembered.size > MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
  }

  const idsOf = (entries: T[]) => new Set(entries.map(idOf));

  /** New entries push old ones off the first page. Those join the older pages. */
  function withPushed(older: Older<T>, before: T[], now: T[]): Older<T> | undefined {
    const ids = idsOf(now);
    const pushed = before.filter((entry) => !ids.has(idOf(entry)));
    if (pushed.length === 0) return older;
    // No entry in common: entries between the two pages may be missing, so the older pages start over.
    if (pushed.length === before.length) return undefined;
    return { ...older, entries: [...pushed, ...older.entries] };
  }

  /** Reads the older entries again, down to the same last one. Undefined: a read failed. */
  async function readAgain(older: Older<T>, start: string | null): Promise<Older<T> | undefined> {
    const [last] = idsOf(older.entries.slice(-1));
    const entries: T[] = [];
    let cursor = start;
    // At most one page more than before: new entries may have pushed the last one down, and it may have left the list.
    for (let pages = 0; cursor !== null && pages <= older.pages; pages++) {
      const result = await kind.older(older.query, cursor);
      if (!result.ok) return undefined;
      entries.push(...result.body.entries);
      cursor = result.body.nextCursor;
      if (last !== undefined && idsOf(result.body.entries).has(last)) break;
    }
    return { ...older, entries, cursor };
  }

  return function usePages(query) {
    const state = useResource(kind.first(query));
    const [older, set] = useState(remembered.get(query));
    const setOlder = (next: Older<T> | undefined) => {
      remember(next, query);
      set(next);
    };
    const [error, setError] = useState<string>();
    const [loading, setLoading] = useState(false);
    const first = state.data;
    const kept = older?.query === query ? older : remembered.get(query);

    /** Counts presses of the button: a page that it loads must not be lost to a read that began before. */
    const presses = useRef(0);
    const isReadingAgain = useRef(false);
    const readAgainFrom = async (from: Older<T>, start: string | null) => {
      if (isReadingAgain.current) return;
      isReadingAgain.current = true;
      const pressed = presses.current;
      const read = await readAgain(from, start);
      isReadingAgain.current = false;
      if (!read || presses.current !== pressed) return;
      // Entries that left the first page since the read began are not in its answer.
      const known = idsOf(from.entries);
      const pushed = (remembered.get(query)?.entries ?? []).filter((entry) => !known.has(idOf(entry)));
      setOlder({ ...read, entries: [...pushed, ...read.entries] });
    };

    const [previous, setPrevious] = useState<{ query: string; entries: T[] }>();
    useEffect(() => {
      if (!first) return;
      setPrevious({ query, entries: first.entries });
      if (!kept) return;
      const isRestored = previous?.query !== query;
      const next = isRestored ? kept : withPushed(kept, previous.entries, first.entries);
      if (next !== kept) setOlder(next);
      // Older pages are not polled: an entry that left the list would stay in it. After a while on another page there may also be
      // a gap between them and the first page.
      if (next && (isRestored || next.entries.some(mayChange)) && !loading) void readAgainFrom(next, first.nextCursor);
    }, [first, state.at]);

    const entries = useMemo(() => {
      const all = new Map<string, T>();
      for (const entry of [...(first?.entries ?? []), ...(kept?.entries ?? [])]) {
        if (!all.has(idOf(entry))) all.set(idOf(entry), entry);
      }
      return [...all.values()];
    }, [first, kept]);

    const cursor = kept ? kept.cursor : (first?.nextCursor ?? null);
    const more = async () => {
      if (cursor === null) return;
      presses.current++;
      setLoading(true);
      const result = await kind.older(query, cursor);
      setLoading(false);
      setError(result.ok ? undefined : result.fault.message);
      if (!result.ok) return;
      const { entries: loaded, nextCursor } = result.body;
      const before = remembered.get(query);
      setOlder({
        query,
        entries: [...(before?.entries ?? []), ...loaded],
        cursor: nextCursor,
        pages: (before?.pages ?? 0) + 1,
      });
    };
    return { state, entries, cursor, more: () => void more(), error, loading };
  };
}
