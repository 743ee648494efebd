/** The list of investigations across the pages of the API. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { type ResourceState, useResource } from '../../api/resource.ts';
import * as api from '../../api/resources.ts';
import type { Investigation, Investigations } from '../../api/types.ts';

interface Pages {
  state: ResourceState<Investigations>;
  entries: Investigation[];
  cursor: string | null;
  more: () => void;
  error: string | undefined;
  loading: boolean;
}

interface Older {
  query: string;
  entries: Investigation[];
  cursor: string | null;
}

/** The older pages of the last lists: a person opens an investigation and comes back to the same place. */
const remembered = new Map<string, Older>();
const MOST_REMEMBERED = 5;

function remember(older: Older | undefined, query: string): void {
  remembered.delete(query);
  if (older) remembered.set(query, older);
  const [oldest] = remembered.keys();
  if (remembered.size > MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
}

/** The newest page, which is polled, and the older pages that were loaded on demand. */
export function usePages(query: string): Pages {
  const state = useResource(api.investigations(`${query}&limit=${api.INVESTIGATIONS_STEP}`));
  const [older, set] = useState(remembered.get(query));
  const setOlder = (next: Older | undefined) => {
    remember(next, query);
    set(next);
  };
  const [error, setError] = useState<string>();
  const [loading, setLoading] = useState(false);
  const first = state.data;
  const kept = older?.query === query ? older : remembered.get(query);

  // New alerts push old ones off the newest page. Those join the older pages.
  const [previous, setPrevious] = useState<{ query: string; entries: Investigation[] }>();
  useEffect(() => {
    if (!first) return;
    setPrevious({ query, entries: first.entries });
    if (!kept || previous?.query !== query) return;
    const ids = new Set(first.entries.map(({ wakeId }) => wakeId));
    const pushed = previous.entries.filter(({ wakeId }) => !ids.has(wakeId));
    if (pushed.length === 0) return;
    // No entry in common: alerts between the two pages may be missing, so the older pages start over.
    if (pushed.length === previous.entries.length) setOlder(undefined);
    else setOlder({ ...kept, entries: [...pushed, ...kept.entries] });
  }, [first]);

  const entries = useMemo(() => {
    const all = new Map<string, Investigation>();
    for (const entry of [...(first?.entries ?? []), ...(kept?.entries ?? [])]) {
      if (!all.has(entry.wakeId)) all.set(entry.wakeId, entry);
    }
    return [...all.values()];
  }, [first, kept]);

  const cursor = kept ? kept.cursor : (first?.nextCursor ?? null);
  const more = async () => {
    if (cursor === null) return;
    setLoading(true);
    const result = await api.readInvestigations(query, cursor);
    setLoading(false);
    setError(result.ok ? undefined : result.fault.message);
    if (result.ok) {
      const { entries, nextCursor } = result.body;
      setOlder({ query, entries: [...(kept?.entries ?? []), ...entries], cursor: nextCursor });
    }
  };
  return { state, entries, cursor, more: () => void more(), error, loading };
}
