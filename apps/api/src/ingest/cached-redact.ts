/**
 * Alerts repeat the same short texts, such as the names and values of labels. Redacting each of them anew would be the most expensive
 * part of a row.
 */
import type { Redact } from '@kora-wake/shared/wake/redact';

const MAX_TEXTS = 5_000;
/** Characters. */
const MAX_TEXT = 200;

/** Gives the results of `redact`, which must depend on its arguments only. Forgets all if there are too many. */
export function cachedRedact(redact: Redact): Redact {
  const results = new Map<string, string>();
  return (text, about = {}) => {
    if (text.length > MAX_TEXT) return redact(text, about);
    const { key, isName = false } = about;
    // The length separates key and text, which may contain anything.
    const id = `${isName ? 'name' : ''}${key?.length ?? ''}:${key ?? ''}${text}`;
    const known = results.get(id);
    if (known !== undefined) return known;
    const result = redact(text, about);
    if (results.size >= MAX_TEXTS) results.clear();
    results.set(id, result);
    return result;
  };
}
