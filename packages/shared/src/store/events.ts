/**
 * The event stream: each app adds events, and the API sends them to its subscribers. The stream is for display, not for
 * accounting: it is trimmed, and a failure to add an event stops nothing.
 */
import { errorFields, type Logger } from '../runtime/log.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { parseDebounceId } from '../wake/pair.ts';
import { EVENT_PAYLOADS, type EventPayload, type EventType, isEventType } from './event-types.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';

/** One event as it is read. */
export interface StoredEvent {
  /** Its id in the stream. A subscriber resumes after it. */
  id: string;
  type: EventType;
  data: EventPayload<EventType>;
}

const PUBLISH = luaScript('publish-event');

/** An event as the scripts take it: its type, then names and values of its fields in turn. */
export function flatEvent<T extends EventType>(type: T, data: EventPayload<T>): Array<string | number> {
  return [type, ...Object.entries(data).flatMap(([name, value]) => (value === undefined ? [] : [name, value]))];
}

/** Adds an event. Never rejects. */
export async function publish<T extends EventType>(
  redis: RedisClient,
  keys: Keys,
  log: Pick<Logger, 'debug'>,
  type: T,
  data: EventPayload<T>,
): Promise<void> {
  await PUBLISH(redis, [keys.events], ...flatEvent(type, data)).catch((error: unknown) =>
    log.debug(errorFields(error), 'cannot publish an event'),
  );
}

/** One read of the stream. */
export interface EventsRead {
  /** Oldest first. Entries that are not valid events are left out. */
  events: StoredEvent[];
  /** Id after which the next read begins. */
  last: string;
  /** True if there may be more events already. */
  more: boolean;
}

/** Reads events after one. @param after an id of the stream @param limit maximum number of entries */
export async function readEvents(redis: RedisClient, keys: Keys, after: string, limit: number): Promise<EventsRead> {
  const entries = await redis.xrange(keys.events, `(${after}`, '+', 'COUNT', limit);
  return { events: entries.flatMap(parseEntry), last: entries.at(-1)?.[0] ?? after, more: entries.length === limit };
}

/** Whether an event is still in the stream. After one that is not, events may be missing. */
export async function isKept(redis: RedisClient, keys: Keys, id: string): Promise<boolean> {
  return (await redis.xrange(keys.events, id, id)).length > 0;
}

/** The id of the newest event, or `0-0` if there are no events. */
export async function lastEventId(redis: RedisClient, keys: Keys): Promise<string> {
  const [last] = await redis.xrevrange(keys.events, '+', '-', 'COUNT', 1);
  return last?.[0] ?? '0-0';
}

/** A list with the event, or an empty list if the entry is not a valid event: anybody can add to a Redis stream. */
function parseEntry([id, flat]: [string, string[]]): StoredEvent[] {
  const fields: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) fields[flat[i] ?? ''] = flat[i + 1] ?? '';
  const { type, pair, ...rest } = fields;
  if (!isEventType(type)) return [];
  // Scripts write a pair as its deduplication id.
  const read = EVENT_PAYLOADS[type].safeParse({ ...rest, ...(pair !== undefined && parseDebounceId(pair)) });
  return read.success ? [{ id, type, data: read.data }] : [];
}
