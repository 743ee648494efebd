/** The debounce: which wakes share a window, for how long, and which may pass through one that is open. */

export interface DebouncePolicy {
  /** How long a window stays open, ms; 0 turns the debounce off. */
  windowMs: number;
  /** Lets a critical wake through an open window; that wake restarts the window for the others. */
  bypassCritical: boolean;
}

/**
 * The deduplication id of a pair. Both parts are percent-encoded, so that (`a:b`, `c`) and (`a`, `b:c`)
 * differ, and so that the ids of one probe share a prefix.
 */
export function debounceId(probe: string, category: string): string {
  return `${probePrefix(probe)}${encodeURIComponent(category)}`;
}

/** What the ids of all windows of `probe` begin with. */
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
