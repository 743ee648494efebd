/** JSON values in Redis, checked when they are read: anybody can write to Redis. */
import type { z } from 'zod';

/** Parses a stored value. Returns null if it is missing or not valid. */
export function parseStored<T>(schema: z.ZodType<T>, json: string | null | undefined): T | null {
  try {
    return json ? schema.parse(JSON.parse(json)) : null;
  } catch {
    return null;
  }
}

/** Parses the entries of a stored list. An entry that is not valid is left out. */
export function parseStoredList<T>(schema: z.ZodType<T>, texts: string[]): T[] {
  return texts.map((text) => parseStored(schema, text)).filter((entry) => entry !== null);
}
