/**
 * Keeps incidents current: ends snoozes, closes incidents that are quiet for long, queues the edits of their messages, and writes their
 * rows to the audit log.
 */
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { isRedisAway } from '@kora-wake/shared/runtime/redis-fault';
import { listSourceIds } from '@kora-wake/shared/store/checkpoint';
import {
  endSnoozes,
  expireIncidents,
  listChanged,
  readQueuedRows,
  removeQueuedRows,
  whileWritingRows,
} from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import { type FollowupsQueue, updateJobOptions } from '@kora-wake/shared/store/queues';
import type { AuditWriter } from './audit.ts';

export interface IncidentKeeper {
  redis: RedisClient;
  keys: Keys;
  followups: FollowupsQueue;
  audit: Pick<AuditWriter, 'incidentChanged'>;
  /** An incident without a row for this time expires, ms. */
  quietMs: number;
  log: Logger;
}

const EVERY_MS = 500;
/** Nobody sees whether an incident expires, or a snooze ends, some seconds later. */
const TIMED_EVERY = 20;
/** Incidents whose edits are queued at once. */
const MAX_CHANGED = 100;
/** The same for incidents of alerting tools: many send an alert only once. */
const SENDER_QUIET_MS = 24 * 3_600_000;

/** Keeps incidents until the returned function is called. Several workers may do so at once. */
export function keepIncidents(keeper: IncidentKeeper, everyMs = EVERY_MS): () => Promise<void> {
  const stop = new AbortController();
  const running = (async () => {
    for (let turn = 0; turn === 0 || (await sleep(everyMs, stop.signal)); turn++) {
      await keepOnce(keeper, turn % TIMED_EVERY === 0);
    }
  })();
  return async () => {
    stop.abort();
    await running;
  };
}

/** @param isTimed whether ends by time are due */
async function keepOnce(
  { redis, keys, followups, audit, quietMs, log }: IncidentKeeper,
  isTimed: boolean,
): Promise<void> {
  try {
    if (isTimed) {
      await endSnoozes(redis, keys);
      const senderQuietMs = Math.max(SENDER_QUIET_MS, quietMs);
      const expired = await expireIncidents(redis, keys, await listSourceIds(redis, keys), { quietMs, senderQuietMs });
      if (expired > 0) logEvent(log, 'incidents.expired', { incidents: expired });
    }
    for (const { id, priority } of await listChanged(redis, keys, MAX_CHANGED)) {
      await followups.add('update', { incidentId: id }, updateJobOptions(id, priority));
    }
    await whileWritingRows(redis, keys, async () => {
      const { rows, count } = await readQueuedRows(redis, keys);
      for (const row of rows) await audit.incidentChanged(row);
      await removeQueuedRows(redis, keys, count);
    });
  } catch (error) {
    // Redis that is away has its own line, and the next turn tries again.
    if (!isRedisAway(error)) logEvent(log, 'incidents.failing', errorFields(error));
  }
}
