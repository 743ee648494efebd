/** Any result of `JSON.parse`. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** True for a JSON object: not null, not a list, not text. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deeper values are cut, because serializers are recursive and a planted row must not overflow their stack. */
const MAX_DEPTH = 64;

/**
 * Copies `value` and passes every string, also keys, through `text`. A note replaces values that are more than 64 levels deep.
 */
export function mapStrings(value: Json, text: (s: string) => string, depth = 0): Json {
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '(nested too deep)';
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, text, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), mapStrings(item, text, depth + 1)]));
}
