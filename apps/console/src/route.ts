/** The open page is the part of the address after `#`, so the API serves a single file. */
import { useEffect, useState } from 'preact/hooks';

export type Route =
  | { page: 'overview' }
  | { page: 'investigations' }
  | { page: 'investigation'; wakeId: string }
  | { page: 'costs' }
  | { page: 'unknown' };

export const toInvestigation = (wakeId: string) => `#/investigations/${encodeURIComponent(wakeId)}`;

function parse(hash: string): Route {
  const path = hash.replace(/^#\/?/, '');
  if (path === '') return { page: 'overview' };
  if (path === 'investigations') return { page: 'investigations' };
  if (path === 'costs') return { page: 'costs' };
  const id = /^investigations\/([^/]+)$/.exec(path)?.[1];
  try {
    return id === undefined ? { page: 'unknown' } : { page: 'investigation', wakeId: decodeURIComponent(id) };
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
