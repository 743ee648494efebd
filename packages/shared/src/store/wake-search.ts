/** Finds wakes by their facts. An index gives their ids by time; their records decide. Every search reads a bounded number of records. */
import type { RedisClient } from '../runtime/redis.ts';
import type { Outcome, Verdict } from '../wake/outcome.ts';
import type { Keys } from './keys.ts';
import { type Place, readPage } from './page.ts';
import { indexKey } from './wake-history.ts';
import { readWakeFacts, type WakeFacts } from './wake-record.ts';

export interface WakeFilter {
  probe?: string | undefined;
  category?: string | undefined;
  severity?: string | undefined;
  outcome?: Outcome | 'pending' | undefined;
  verdict?: Verdict | undefined;
  /** Each word of it must be a part of the id, probe, category, title, detail, diagnosis or error code, in any case, with or without accents. */
  q?: string | undefined;
}

/** A period of times at which wakes were enqueued, ms since the epoch. */
export interface SearchPeriod {
  since: number;
  /** Exclusive. */
  before: number;
  /** Whether a wake of the day before belongs to it too, if a row was coalesced into it since its begin. */
  withRepeats?: boolean;
}

/** A wake that was found, with the facts that a count needs. */
export interface FoundWake {
  id: string;
  /** When it was enqueued, ms since the epoch. */
  at: number;
  outcome: Outcome | null;
  suppressed: number;
}

/** Records that are read at once: other commands are answered in between. */
const CHUNK = 500;
/** How long before a period wakes are searched whose repeats reach into it, ms. Few windows are longer. */
const REPEATS_MS = 86_400_000;
/** After all ids of the same time: ids are shorter, and no character sorts after this one. */
const LAST_ID = '\u{10ffff}';

/**
 * Finds wakes, newest first.
 *
 * @param page `after`: continues there; `maxRead`: number of records after which it ends early
 * @returns what was found, and the place at which it ended, or null at the end of the period. A search that ended early may have
 *   found nothing yet.
 */
export async function findWakes(
  redis: RedisClient,
  keys: Keys,
  filter: WakeFilter,
  page: SearchPeriod & { limit: number; maxRead: number; after?: Place | undefined },
): Promise<{ found: FoundWake[]; next: Place | null }> {
  const { since, before, limit, maxRead, withRepeats = false } = page;
  const isRelevant = ({ at }: Place, lastRepeatAt: number) => at >= since || (withRepeats && lastRepeatAt >= since);
  const found: FoundWake[] = [];
  const start = Number.isFinite(before) ? { at: before - 1, id: LAST_ID } : undefined;
  // A cursor can be of a search with another end.
  let after = page.after && page.after.at < before ? page.after : start;
  for (let read = 0; read < maxRead; read += CHUNK) {
    const places = await readPage(redis, indexKey(keys, filter), { limit: CHUNK, after });
    const inPeriod = places.filter(({ at }) => at >= since - (withRepeats ? REPEATS_MS : 0));
    for (const { place, wake: matching, lastRepeatAt } of await readFacts(redis, keys, filter, inPeriod)) {
      const wake = matching && isRelevant(place, lastRepeatAt) ? matching : undefined;
      // Only now is it certain that the page has a next one.
      if (found.length === limit && wake) return { found, next: after ?? null };
      after = place;
      if (wake) found.push(wake);
    }
    if (inPeriod.length < CHUNK) return { found, next: null };
  }
  return { found, next: after ?? null };
}

async function readFacts(redis: RedisClient, keys: Keys, filter: WakeFilter, places: Place[]) {
  const { category, severity, verdict, q } = filter;
  // Texts are long, and most searches need none.
  const needsRow = category !== undefined || severity !== undefined || q !== undefined;
  const needsReport = verdict !== undefined || q !== undefined;
  const texts = [...(needsRow ? (['row'] as const) : []), ...(needsReport ? (['report'] as const) : [])];
  const ids = places.map(({ id }) => id);
  const read = await readWakeFacts(redis, keys, ids, texts);
  return places.map((place, i) => {
    const facts = read[i];
    const wake = facts && matches(place.id, facts, filter) ? foundWake(place, facts) : undefined;
    return { place, wake, lastRepeatAt: facts?.lastSuppressedAt ?? 0 };
  });
}

function foundWake({ id, at }: Place, { outcome, suppressed }: WakeFacts): FoundWake {
  return { id, at, outcome, suppressed };
}

function matches(id: string, { outcome, row, report }: WakeFacts, filter: WakeFilter): boolean {
  const { category, severity, verdict, q } = filter;
  if (filter.outcome !== undefined && (outcome ?? 'pending') !== filter.outcome) return false;
  if (category !== undefined && row?.category !== category) return false;
  if (severity !== undefined && row?.severity !== severity) return false;
  const diagnosis = report?.kind === 'diagnosis' ? report : undefined;
  if (verdict !== undefined && diagnosis?.verdict !== verdict) return false;
  if (q === undefined) return true;
  const found = diagnosis?.text ?? (report?.kind === 'fallback' ? report.code : '');
  return hasWords([id, row?.probe, row?.category, row?.title, row?.detail, found].join('\n'), q);
}

/** Whether every word of `q` is a part of the text, in any case, with or without accents. */
function hasWords(text: string, q: string): boolean {
  const folded = fold(text);
  const words = fold(q).split(/\s+/);
  return words.every((word) => folded.includes(word));
}

/** Two texts that look the same, or differ only in case or accents, give the same. */
function fold(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
}
