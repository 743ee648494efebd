/** Data of alerting tools: events that were written, so that a retry is recognised, counters, and bodies that cannot be mapped. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { RedisClient } from '../runtime/redis.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';
import { parseStoredList } from './stored-json.ts';

/** An event of a sender, by which a retry is recognised. */
export interface SenderEvent {
  /** Hash of the facts that are equal in a retry. */
  hash: string;
  /** The events that end the state which this one begins: after one of them, an equal event is no retry. */
  opposites: string[];
  /** Time in which an equal event is a retry, ms. */
  ttlMs: number;
}

/** States of an alert, of which each ends the others. An alert that rises to critical is no retry of itself. */
const EVENT_STATUSES = ['firing', 'critical', 'recovered'] as const;
type EventStatus = (typeof EVENT_STATUSES)[number];
type EventFacts = Array<string | null>;

/**
 * @param facts equal in each retry
 * @param alert facts that the alert and its recovery share
 * @param recovery facts of a recovery that does not name the pair of the alert
 */
export function senderEvent(
  status: EventStatus,
  facts: EventFacts,
  ttlMs: number,
  { alert, recovery }: { alert: EventFacts; recovery?: EventFacts | undefined },
): SenderEvent {
  const hashOf = (which: EventStatus, of: EventFacts) => hash('sha256', JSON.stringify([which, ...of])).slice(0, 32);
  const opposites = EVENT_STATUSES.filter((which) => which !== status).map((which) =>
    hashOf(which, which === 'recovered' || status === 'recovered' ? alert : facts),
  );
  if (recovery) opposites.push(hashOf('recovered', recovery));
  return { hash: hashOf(status, facts), opposites, ttlMs };
}

export type EventState = 'new' | 'done' | 'busy';

const CLAIM = luaScript('claim-events');
const SETTLE = luaScript('settle-events');
/** A request is over long before this. If its process died, a retry is accepted after it; ms. */
const CLAIM_MS = 20_000;

/** An event that a request writes. */
export interface Claim {
  event: SenderEvent;
  /** Token of the request. */
  token: string;
}

/** Claims events, in their order: of two equal ones the second is busy. @returns a state for each */
export async function claimEvents(redis: RedisClient, keys: Keys, claims: Claim[]): Promise<EventState[]> {
  if (claims.length === 0) return [];
  const answer = await CLAIM(
    redis,
    keysOf(keys, claims),
    CLAIM_MS,
    ...claims.flatMap(({ event, token }) => [token, event.opposites.length]),
  );
  const states = Array.isArray(answer) ? answer : [];
  return claims.map((_, i) => (states[i] === 'done' || states[i] === 'busy' ? states[i] : 'new'));
}

/** The key of each event, and behind it those of its opposites. */
function keysOf(keys: Keys, claims: Claim[]): string[] {
  return claims.flatMap(({ event }) => [event.hash, ...event.opposites].map(keys.ingestEvent));
}

/** The end of a claim. */
export interface EndedClaim extends Claim {
  /** Whether the row of the event is durable. */
  isWritten: boolean;
}

export async function settleEvents(redis: RedisClient, keys: Keys, claims: EndedClaim[]): Promise<void> {
  if (claims.length === 0) return;
  const args = claims.flatMap(({ event, token, isWritten }) => [
    token,
    event.opposites.length,
    isWritten ? '1' : '0',
    event.ttlMs,
  ]);
  await SETTLE(redis, keysOf(keys, claims), ...args);
}

/** `refused`: wrong token or signature. `unmapped`: the body cannot be mapped. The others count alerts. */
export const INGEST_RESULTS = ['accepted', 'recovered', 'ignored', 'unmapped', 'refused', 'unavailable'] as const;
type IngestResult = (typeof INGEST_RESULTS)[number];
export type IngestCounts = Record<IngestResult, number>;

/** Results of one request. */
export interface IngestResults {
  source: string;
  counts: Partial<IngestCounts>;
  /** ms since the epoch */
  at: number;
}

/** Counts the results of requests. */
export async function countIngested(redis: RedisClient, keys: Keys, requests: IngestResults[]): Promise<void> {
  const totals = new Map<string, number>();
  const lastAt = new Map<string, number>();
  for (const { source, counts, at } of requests) {
    lastAt.set(`lastAt:${source}`, at);
    for (const [result, n = 0] of Object.entries(counts)) {
      const name = `${result}:${source}`;
      if (n > 0) totals.set(name, (totals.get(name) ?? 0) + n);
    }
  }
  const pipeline = redis.pipeline();
  for (const [name, n] of totals) pipeline.hincrby(keys.ingestCounts, name, n);
  pipeline.hset(keys.ingestCounts, lastAt);
  await pipeline.exec();
}

/** Counters of one source. */
export interface SourceCounts extends IngestCounts {
  source: string;
  /** Time of the last request, ms since the epoch. */
  lastAt: number;
}

export async function readIngestCounts(redis: RedisClient, keys: Keys): Promise<SourceCounts[]> {
  const fields = await redis.hgetall(keys.ingestCounts);
  const count = (name: string) => Number(fields[name] ?? 0) || 0;
  const sources = Object.keys(fields).flatMap((name) => (name.startsWith('lastAt:') ? [name.slice(7)] : []));
  return sources.toSorted().map((source) => ({
    source,
    lastAt: count(`lastAt:${source}`),
    accepted: count(`accepted:${source}`),
    recovered: count(`recovered:${source}`),
    ignored: count(`ignored:${source}`),
    unmapped: count(`unmapped:${source}`),
    refused: count(`refused:${source}`),
    unavailable: count(`unavailable:${source}`),
  }));
}

const ingestFault = z.object({
  /** ms since the epoch. */
  at: z.number(),
  source: z.string(),
  /** Dot path of the field that is missing or wrong. */
  field: z.string(),
  message: z.string(),
  /** The beginning of the body, redacted. */
  text: z.string(),
});
export type IngestFault = z.infer<typeof ingestFault>;

/** Bodies that are kept. */
const MAX_FAULTS = 50;

/** Keeps a body that cannot be mapped, for the operator. */
export async function recordIngestFault(redis: RedisClient, keys: Keys, fault: IngestFault): Promise<void> {
  await redis
    .pipeline()
    .lpush(keys.ingestFaults, JSON.stringify(fault))
    .ltrim(keys.ingestFaults, 0, MAX_FAULTS - 1)
    .exec();
}

/** Newest first. An entry that cannot be read is left out. */
export async function readIngestFaults(redis: RedisClient, keys: Keys): Promise<IngestFault[]> {
  return parseStoredList(ingestFault, await redis.lrange(keys.ingestFaults, 0, MAX_FAULTS - 1));
}
