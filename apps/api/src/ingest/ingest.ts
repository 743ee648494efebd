/**
 * Accepts the alerts of one request: maps the body to rows, recognises retries, and writes the rows durably. The tailer does the
 * rest, so decisions and accounting stay in one place.
 */
import { randomUUID } from 'node:crypto';
import type { IngestedAlert, IngestRequest, MapBody } from '@kora-wake/shared/ingest/alert';
import { rowOfAlert } from '@kora-wake/shared/ingest/row';
import { sleep, withTimeLimit } from '@kora-wake/shared/runtime/async';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { type LogTarget, logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { readCheckpoint } from '@kora-wake/shared/store/checkpoint';
import {
  type Claim,
  claimEvents,
  countIngested,
  type EndedClaim,
  type EventState,
  type IngestCounts,
  type IngestResults,
  recordIngestFault,
  type SenderEvent,
  senderEvent,
  settleEvents,
} from '@kora-wake/shared/store/ingestion';
import type { Keys } from '@kora-wake/shared/store/keys';
import { limitName, limitTitle } from '@kora-wake/shared/wake/limits';
import type { Redact } from '@kora-wake/shared/wake/redact';
import { firstChars } from '@kora-wake/shared/wake/text';
import { batched } from './batched.ts';
import { cachedRedact } from './cached-redact.ts';
import type { DurableLog } from './durable-log.ts';
import { LogUnavailable } from './durable-write.ts';

/** The answer to a request whose rows are durable. */
interface Accepted {
  accepted: number;
  recovered: number;
  ignored: number;
}

/** The request cannot be answered now; its sender should try again. */
export class IngestUnavailable extends Error {
  override name = 'IngestUnavailable';
}

export interface IngestOptions {
  redis: RedisClient;
  keys: Keys;
  log: DurableLog;
  /** Id of the log that the rows are written to. */
  sourceId: string;
  logPath: string;
  redact: Redact;
  /** ms since the epoch */
  now(): number;
  events: LogTarget;
}

export interface Ingest {
  /**
   * @throws MappingError, IngestUnavailable
   */
  accept(source: string, map: MapBody, request: IngestRequest): Promise<Accepted>;
  /** Counts a request, and keeps its body if it could not be mapped. Never rejects. */
  count(source: string, counts: Partial<IngestCounts>, fault?: { field: string; message: string; body: Buffer }): void;
}

const HOUR_MS = 3_600_000;
/** Time in which an event with the same id is a retry, ms. */
const EVENT_TTL_MS = 24 * HOUR_MS;
/** The same without an id: later it is a repeat of an alert that still fires, ms. */
const REPEAT_TTL_MS = 5 * 60_000;
/**
 * Redis only recognises retries here: if it does not answer in this time, alerts are accepted without it, ms. Sentry waits for one
 * second, and disables a webhook that times out too often.
 */
const REDIS_MS = 500;
/** Time between two writes of the counters, ms. */
const COUNT_EVERY_MS = 100;
/** How long a request waits for another one that is writing the same event, and time between two looks, ms. */
const BUSY_MS = 3_000;
const LOOK_MS = 50;
/** Time between two looks whether a tailer follows the log, while none was seen, ms. */
const TAILER_LOOK_MS = 1_000;
/** Bytes of a body that are redacted for the operator, and characters of it that are kept. */
const MAX_REDACTED_BYTES = 16 * 1024;
const MAX_KEPT_CHARS = 2_000;

export function ingest(options: IngestOptions): Ingest {
  const { redis, keys, log, sourceId, logPath, now, events } = options;
  const redact = cachedRedact(options.redact);
  let isFollowed = false;
  let lookedAt = -Infinity;

  /** Whether a tailer has ever followed this log. Without one nobody would read the rows. */
  async function assertFollowed(): Promise<void> {
    if (!isFollowed && now() - lookedAt >= TAILER_LOOK_MS) {
      const limited = await fromRedis(() => readCheckpoint(redis, keys, sourceId));
      isFollowed = limited !== undefined && limited.position !== '';
      lookedAt = isFollowed ? lookedAt : now();
    }
    if (!isFollowed) {
      throw new IngestUnavailable(`No tailer has followed ${logPath} yet. Start one, then send the alert again.`);
    }
  }

  /** Undefined if Redis does not answer in time. */
  async function fromRedis<T>(ask: () => Promise<T>): Promise<T | undefined> {
    if (redis.status !== 'ready') return undefined;
    try {
      const limited = await withTimeLimit(ask(), REDIS_MS);
      return limited.inTime ? limited.value : undefined;
    } catch (error) {
      logEvent(events, 'ingest.redis_failing', errorFields(error));
      return undefined;
    }
  }

  const claimAll = batched((requests: Claim[][]) =>
    fromRedis(() => claimEvents(redis, keys, requests.flat())).then((states) => {
      let from = 0;
      return requests.map((claims) => {
        from += claims.length;
        return { states: states?.slice(from - claims.length, from) };
      });
    }),
  );
  const settleAll = batched((requests: EndedClaim[][]) =>
    fromRedis(() => settleEvents(redis, keys, requests.flat())).then(() => requests.map(() => true)),
  );
  const countAll = batched(async (requests: IngestResults[]) => {
    await fromRedis(() => countIngested(redis, keys, requests));
    // Nobody waits for the counters.
    await sleep(COUNT_EVERY_MS);
    return requests.map(() => true);
  });

  /** Claims the events. Waits for other requests that are writing one of them. */
  async function claim(token: string, senderEvents: SenderEvent[]): Promise<EventState[]> {
    const until = now() + BUSY_MS;
    for (;;) {
      const { states } = await claimAll(senderEvents.map((event) => ({ event, token })));
      if (!states) return senderEvents.map(() => 'new');
      if (!states.includes('busy')) return states;
      // Its own claims must not hold up the other request, which may wait for them.
      await settle(
        token,
        senderEvents.filter((_, i) => states[i] === 'new'),
        false,
      );
      if (now() > until) throw new IngestUnavailable('Another request is writing the same event.');
      await sleep(LOOK_MS);
    }
  }

  async function settle(token: string, senderEvents: SenderEvent[], isWritten: boolean): Promise<void> {
    await settleAll(senderEvents.map((event) => ({ event, token, isWritten })));
  }

  async function write(
    source: string,
    alerts: IngestedAlert[],
  ): Promise<{ written: IngestedAlert[]; retries: number }> {
    const token = randomUUID();
    const identified = alerts.map((alert) => ({ alert, event: eventOf(source, alert) }));
    const distinct = lastOfEach(identified);
    const states = await claim(
      token,
      distinct.map(({ event }) => event),
    );
    // After its opposite in the same body, an event is no retry either.
    const before = new Set<string>();
    const ended = new Set<string>();
    const fresh = distinct.filter(({ event: { hash, opposites } }, i) => {
      const isFresh = states[i] === 'new' || ended.has(hash) || opposites.some((opposite) => before.has(opposite));
      if (!isFresh) return false;
      before.add(hash);
      for (const opposite of opposites) ended.add(opposite);
      return true;
    });
    if (fresh.length > 0) {
      const at = now();
      const rows = fresh.map(({ alert }) => JSON.stringify(rowOfAlert(alert, source, at, redact)));
      const own = fresh.map(({ event }) => event);
      // The answer does not wait for Redis: a sender that repeats an accepted event meets its claim until the event is settled.
      await log
        .append(rows, (isWritten) => void settle(token, own, isWritten))
        .catch((error: unknown) => {
          if (!(error instanceof LogUnavailable)) throw error;
          logEvent(events, 'ingest.log_unavailable', { path: logPath, ...errorFields(error) });
          throw new IngestUnavailable(`The alerts cannot be written to ${logPath} now: ${error.message}.`);
        });
    }
    return { written: fresh.map(({ alert }) => alert), retries: alerts.length - fresh.length };
  }

  return {
    accept: async (source, map, request) => {
      const mapped = map(request);
      if (mapped.alerts.length > 0) await assertFollowed();
      const { written, retries } = mapped.alerts.length > 0 ? await write(source, mapped.alerts) : NOTHING;
      const recovered = written.filter(({ status }) => status === 'recovered').length;
      return { accepted: written.length - recovered, recovered, ignored: mapped.ignored + retries };
    },
    count: (source, counts, fault) => {
      const at = now();
      void countAll({ source, counts, at });
      if (!fault) return;
      void fromRedis(async () => {
        const text = firstChars(redact(fault.body.subarray(0, MAX_REDACTED_BYTES).toString()), MAX_KEPT_CHARS);
        // Both may hold a key of the body.
        const field = limitName(redact(fault.field));
        const message = limitTitle(redact(fault.message));
        await recordIngestFault(redis, keys, { at, source, field, message, text });
      });
    },
  };
}

const NOTHING = { written: [], retries: 0 };

/** Of equal events the last one: a body that says firing, recovered, firing ends with an alert that fires. */
function lastOfEach<Identified extends { event: SenderEvent }>(identified: Identified[]): Identified[] {
  const last = new Map<string, Identified>();
  for (const each of identified) {
    last.delete(each.event.hash);
    last.set(each.event.hash, each);
  }
  return [...last.values()];
}

/**
 * The event of an alert. A retry has the same source, alert and status, is critical again if it was, and has the same event id. If
 * the sender gives no id, it has the same start.
 */
function eventOf(source: string, alert: IngestedAlert): SenderEvent {
  const { status, severity, probe, category, instance = null, eventId, startedAt = null, title } = alert;
  const state = status === 'firing' && severity === 'critical' ? 'critical' : status;
  // One event may hold several alerts.
  const key = [source, probe, category, instance];
  if (eventId !== undefined) {
    const facts = [...key, 'event', eventId];
    return senderEvent(state, facts, EVENT_TTL_MS, { alert: facts });
  }
  // Such a recovery is about each start of the instance.
  const recovery = instance === null ? undefined : [source, '', '', instance, null, null];
  if (recovery && probe === '' && category === '')
    return senderEvent(state, recovery, REPEAT_TTL_MS, { alert: recovery });
  const alertFacts = [...key, startedAt, null];
  const isNamedByTitle = startedAt === null && instance === null && status === 'firing';
  const facts = isNamedByTitle ? [...key, startedAt, title] : alertFacts;
  return senderEvent(state, facts, REPEAT_TTL_MS, {
    alert: alertFacts,
    recovery: status === 'firing' ? recovery : undefined,
  });
}
