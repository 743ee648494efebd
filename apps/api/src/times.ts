/** A time in ms since the epoch as ISO 8601. Null if it is missing or out of range. */
export function isoTime(at: number | null): string | null {
  return at === null || Number.isNaN(at) || Math.abs(at) > MAX_TIME_MS ? null : new Date(at).toISOString();
}

/** The range of Date, ms from the epoch. */
const MAX_TIME_MS = 8.64e15;

/** The epoch as ISO 8601: stands for a time that must exist but cannot be read. */
export const EPOCH = new Date(0).toISOString();
