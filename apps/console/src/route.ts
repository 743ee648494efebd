/** The open page is the part of the address after `#`, so the API serves a single file. */
import { useEffect, useState } from 'preact/hooks';

/** Pages without a name in their address, except for the overview. */
const SIMPLE_PAGES = ['incidents', 'investigations', 'noise', 'costs', 'policy', 'setup'] as const;

export type Route =
  | { page: 'overview' | (typeof SIMPLE_PAGES)[number] }
  | { page: 'investigation'; wakeId: string }
  | { page: 'incident'; id: string }
  | { page: 'unknown' };

export const toInvestigation = (wakeId: string) => `#/investigations/${encodeURIComponent(wakeId)}`;

export const toIncident = (id: string) => `#/incidents/${encodeURIComponent(id)}`;

export const toAlertsOf = (probe: string, category: string) =>
  `#/investigations?${new URLSearchParams({ probe, category })}`;

function parse(hash: string): Route {
  const path = hash.replace(/^#\/?/, '').replace(/\?.*$/, '');
  if (path === '') return { page: 'overview' };
  const simple = SIMPLE_PAGES.find((page) => page === path);
  if (simple) return { page: simple };
  const [, kind, id] = /^(investigations|incidents)\/([^/]+)$/.exec(path) ?? [];
  try {
    if (id === undefined) return { page: 'unknown' };
    const decoded = decodeURIComponent(id);
    return kind === 'incidents' ? { page: 'incident', id: decoded } : { page: 'investigation', wakeId: decoded };
  } catch {
    return { page: 'unknown' };
  }
}

export function useRoute(): Route {
  const [route, set] = useState(() => parse(location.hash));
  useEffect(() => {
    const update = () => set(parse(location.hash));
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  return route;
}
