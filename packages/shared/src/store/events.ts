/**
 * What happens, as it happens: a Redis stream that every app adds to and the API hands on to who listens. It is for
 * eyes, not for accounts: it is trimmed, and an entry that cannot be added stops nothing.
 */

import { errorFields, type Logger } from '../runtime/log.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { debouncePair } from '../wake/pair.ts';
import type { Keys } from './keys.ts';

/** About so many of the last events are kept. */
export const EVENTS_KEPT = 10_000;

const EVENT_TYPES = [
  'wake.enqueued',
  'wake.coalesced',
  'wake.rejected',
  'investigation.started',
  'investigation.ended',
  'dm.sent',
  'dm.dead',
  'window.opened',
  'window.cleared',
  'window.expired',
] as const;
type EventType = (typeof EVENT_TYPES)[number];

export interface WakeEvent {
  /** Where it stands in the stream: what a listener resumes after. */
  id: string;
  type: EventType;
  data: Record<string, string | number>;
}

/** Adds an event, and never fails. */
export async function publish(
  redis: RedisClient,
  keys: Keys,
  log: Pick<Logger, 'debug'>,
  type: EventType,
  data: Record<string, string | number>,
): Promise<void> {
  const fields = Object.entries(data).flat();
  await redis
    .xadd(keys.events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'type', type, ...fields)
    .catch((error: unknown) => log.debug(errorFields(error), 'an event could not be told'));
}

/** What a read of the stream gave. */
export interface EventsRead {
  /** Oldest first. */
  events: WakeEvent[];
  /** Where to read on: what was read last, which may be an entry that is no event known here. */
  last: string;
  /** Whether there may be more already. */
  more: boolean;
}

/** Events after one. @param after an id of the stream @param limit how many entries to read at the most */
export async function readEvents(redis: RedisClient, keys: Keys, after: string, limit: number): Promise<EventsRead> {
  const entries = await redis.xrange(keys.events, `(${after}`, '+', 'COUNT', limit);
  return { events: entries.flatMap(eventOf), last: entries.at(-1)?.[0] ?? after, more: entries.length === limit };
}

/** Whether an event is still kept: after one that is not, events may be missing. */
export async function isKept(redis: RedisClient, keys: Keys, id: string): Promise<boolean> {
  return (await redis.xrange(keys.events, id, id)).length > 0;
}

/** The id of the last event there is. */
export async function lastEventId(redis: RedisClient, keys: Keys): Promise<string> {
  const [last] = await redis.xrevrange(keys.events, '+', '-', 'COUNT', 1);
  return last?.[0] ?? '0-0';
}

function eventOf(entry: unknown): WakeEvent[] {
  const [id, fields]: unknown[] = Array.isArray(entry) ? entry : [];
  const flat = Array.isArray(fields) ? fields.map(String) : [];
  const data: WakeEvent['data'] = {};
  for (let i = 0; i + 1 < flat.length; i += 2) data[flat[i] ?? ''] = flat[i + 1] ?? '';
  const { type: name, pair, count, ...rest } = data;
  const type = EVENT_TYPES.find((known) => known === name);
  if (typeof id !== 'string' || !type) return [];
  const counted = count !== undefined && { count: Number(count) };
  return [{ id, type, data: { ...rest, ...(pair !== undefined && named(String(pair))), ...counted } }];
}

/** A pair by its id; what somebody put into the stream by hand is given as it is. */
function named(pair: string): Record<string, string> {
  try {
    return debouncePair(pair);
  } catch {
    return { pair };
  }
}
