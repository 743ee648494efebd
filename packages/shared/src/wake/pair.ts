/** The debounce: the pair (probe, category) whose rows share a window, its length, and the rows that bypass it. */

export interface DebouncePolicy {
  /** Length of a window, ms; 0 turns the debounce off. */
  windowMs: number;
  /** Rows of a pair without an open incident, within one window length, until one of them becomes a wake. */
  consecutive: number;
  /** Whether a critical row passes an open window. It then restarts the window for the other rows. */
  bypassCritical: boolean;
}

/** Orders of a list of windows: by name; most suppressed rows first; the window that ends next first. */
export const WINDOW_SORTS = ['name', 'suppressed', 'expires'] as const;
export type WindowSort = (typeof WINDOW_SORTS)[number];

/**
 * The deduplication id of a pair. Both parts are percent-encoded, so that (`a:b`, `c`) and (`a`, `b:c`)
 * differ, and so that the ids of one probe share a prefix.
 */
export function debounceId(probe: string, category: string): string {
  return `${probePrefix(probe)}${encodeURIComponent(category)}`;
}

/** The common prefix of the ids of all windows of `probe`. */
export function probePrefix(probe: string): string {
  return `${encodeURIComponent(probe)}:`;
}

/** The pair behind a deduplication id made by {@link debounceId}. */
export function pairOfDebounceId(id: string): { probe: string; category: string } {
  const colon = id.indexOf(':');
  return {
    probe: decodeURIComponent(id.slice(0, colon)),
    category: decodeURIComponent(id.slice(colon + 1)),
  };
}

/** As {@link pairOfDebounceId}, but undefined if the id was not made by {@link debounceId}: anybody can write to Redis. */
export function parseDebounceId(id: string): { probe: string; category: string } | undefined {
  try {
    return pairOfDebounceId(id);
  } catch {
    return undefined;
  }
}
