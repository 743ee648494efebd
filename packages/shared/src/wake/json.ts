/** Any result of `JSON.parse`. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** True for a JSON object: not null, not a list, not text. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deeper values are cut, because serializers are recursive and a planted row must not overflow their stack. */
export const MAX_DEPTH = 64;
/** Replaces them. */
export const TOO_DEEP = '(nested too deep)';

/**
 * Copies `value` and passes every string, also keys, through `text`. A note replaces values that are more than 64 levels deep.
 */
export function mapStrings(value: Json, text: (s: string) => string, depth = 0): Json {
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, text, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), mapStrings(item, text, depth + 1)]));
}

/** Only a text with this many digits in a row can contain an integer that loses digits as a number. */
const MANY_DIGITS = /\d{16}/;
const INTEGER = /^-?\d+$/;

/**
 * Parses JSON as `JSON.parse` does, but an integer beyond 2^53 becomes a text with the digits as they were written: as a number, two
 * different ids could become the same.
 *
 * @throws SyntaxError if the text is not JSON
 */
export function parseJson(text: string): Json {
  if (MANY_DIGITS.test(text)) {
    try {
      return JSON.parse(text, exactInteger);
    } catch {
      // Not JSON, or nested so deeply that only the call without a function can parse it.
    }
  }
  return JSON.parse(text);
}

/** As {@link parseJson}. @returns undefined if the text is not JSON */
export function parsedJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function exactInteger(_key: string, value: Json, context?: { source?: string }): Json {
  const source = context?.source;
  const losesDigits = typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined;
  return losesDigits && INTEGER.test(source) ? source : value;
}
