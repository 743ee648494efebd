/** Finds wakes by their facts. An index gives their ids by time; their records decide. Every search reads a bounded number of records. */
import type { RedisClient } from '../runtime/redis.ts';
import type { Outcome, Verdict } from '../wake/outcome.ts';
import type { Keys } from './keys.ts';
import { type Place, readPage } from './page.ts';
import { luaScript } from './scripts.ts';
import { parseReport, parseStoredRow } from './stored-wake.ts';
import { indexKey } from './wake-history.ts';

export interface WakeFilter {
  probe?: string | undefined;
  category?: string | undefined;
  severity?: string | undefined;
  outcome?: Outcome | 'pending' | undefined;
  verdict?: Verdict | undefined;
  /** Each word of it must be a part of the id, probe, category, title, detail, diagnosis or error code, in any case. */
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
  outcome: string | null;
  suppressed: number;
}

/** Records that are read at once: other commands are answered in between. */
const CHUNK = 500;
/** Longest time before a period in which a wake can open a window that reaches into it, ms. */
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
  let after = page.after ?? (Number.isFinite(before) ? { at: before - 1, id: LAST_ID } : undefined);
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
  const read = await readFields(redis, keys, filter, places);
  return places.map((place, i) => {
    const facts = read[i];
    const wake = facts && matches(place.id, facts, filter) ? foundWake(place, facts) : undefined;
    return { place, wake, lastRepeatAt: Number(facts?.get('lastSuppressedAt') ?? 0) };
  });
}

const READ_WAKES = luaScript('read-wakes');
/** Short ones. A record has at least one of the times. */
const TIMES_AND_OUTCOME = ['outcome', 'suppressed', 'lastSuppressedAt', 'enqueuedAt', 'investigatedAt'];
/** Long ones, which are read only if the filter asks for them. */
const TEXTS = ['row', 'report'];

type Facts = Map<string, string>;

async function readFields(redis: RedisClient, keys: Keys, filter: WakeFilter, places: Place[]): Promise<Facts[]> {
  if (places.length === 0) return [];
  const names = [...TIMES_AND_OUTCOME, ...(needsTexts(filter) ? TEXTS : [])];
  const records = places.map(({ id }) => keys.wake(id));
  const answer = await READ_WAKES(redis, records, ...names);
  const values: unknown[] = Array.isArray(answer) ? answer : [];
  return places.map((_, i) => {
    const own = names.map((name, j) => [name, values[i * names.length + j]] as const);
    return new Map(own.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])));
  });
}

function foundWake({ id, at }: Place, facts: Facts): FoundWake {
  return { id, at, outcome: facts.get('outcome') ?? null, suppressed: Number(facts.get('suppressed') ?? 0) || 0 };
}

const needsTexts = ({ category, severity, verdict, q }: WakeFilter) =>
  [category, severity, verdict, q].some((value) => value !== undefined);

/** The cheap facts decide first: most records are never parsed. */
function matches(id: string, facts: Facts, filter: WakeFilter): boolean {
  const isStored = facts.has('outcome') || facts.has('enqueuedAt') || facts.has('investigatedAt');
  if (!isStored) return false;
  if (filter.outcome !== undefined && (facts.get('outcome') ?? 'pending') !== filter.outcome) return false;
  return !needsTexts(filter) || matchesTexts(id, facts, filter);
}

function matchesTexts(id: string, facts: Facts, { category, severity, verdict, q }: WakeFilter): boolean {
  const row = parseStoredRow(facts.get('row'));
  if (!row || (category !== undefined && row.category !== category)) return false;
  if (severity !== undefined && row.severity !== severity) return false;
  const report = parseReport(facts.get('report'));
  const diagnosis = report?.kind === 'diagnosis' ? report : undefined;
  if (verdict !== undefined && diagnosis?.verdict !== verdict) return false;
  if (q === undefined) return true;
  const found = diagnosis?.text ?? (report?.kind === 'fallback' ? report.code : '');
  return hasWords([id, row.probe, row.category, row.title, row.detail, found].join('\n'), q);
}

/** Whether every word of `q` is a part of the text, in any case. */
function hasWords(text: string, q: string): boolean {
  const lower = text.toLowerCase();
  const words = q.toLowerCase().split(/\s+/);
  return words.every((word) => lower.includes(word));
}
