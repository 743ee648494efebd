/**
 * Keeps incidents current: ends snoozes, closes incidents that are quiet for long, queues the edits of their messages and their notices,
 * starts messages once a hold has ended, and writes the rows of incidents to the audit log.
 */
import { sleep } from '@kora-wake/shared/runtime/async';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { isRedisAway } from '@kora-wake/shared/runtime/redis-fault';
import { listSourceIds } from '@kora-wake/shared/store/checkpoint';
import { listHeld, removeHeld } from '@kora-wake/shared/store/hold';
import {
  expireIncidents,
  type IncidentClocks,
  listChanged,
  readDue,
  readQueuedRows,
  removeQueuedRows,
  runIncidentClocks,
  whileWritingRows,
} from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import {
  endNotice,
  forgetNotice,
  listPendingNotices,
  listUnqueuedNotices,
  type Notice,
  readNotice,
  setQueued,
} from '@kora-wake/shared/store/notices';
import {
  type DeliveriesQueue,
  type FollowupsQueue,
  noticeJobOptions,
  updateJobOptions,
} from '@kora-wake/shared/store/queues';
import { gatherHeld } from '@kora-wake/shared/store/storms';
import { senderQuiet } from '@kora-wake/shared/wake/incident';
import type { AuditWriter } from './audit.ts';

export interface IncidentKeeper {
  redis: RedisClient;
  keys: Keys;
  followups: FollowupsQueue;
  audit: Pick<AuditWriter, 'incidentChanged'>;
  deliveries: DeliveriesQueue;
  /** An incident without a row for this time expires, ms; 0: there are no incidents. */
  quietMs: number;
  /** Read each time: the policy can change. */
  clocks(): IncidentClocks;
  now(): number;
  log: Logger;
}

const EVERY_MS = 500;
/** Nobody sees whether an incident expires, or a snooze ends, some seconds later. */
const TIMED_EVERY = 20;
/** Incidents whose edits are queued at once, notices, and deliveries that a hold delayed. */
const MAX_CHANGED = 100;
/** Pending notices that are looked at for a job that failed. */
const MAX_REPAIRED = 1_000;
/** A pending notice that is older may have failed without anybody recording it, ms. */
const STALE_NOTICE_MS = 60_000;
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
async function keepOnce(keeper: IncidentKeeper, isTimed: boolean): Promise<void> {
  const { redis, keys, audit, quietMs, clocks, log } = keeper;
  try {
    if (isTimed && quietMs > 0) {
      await runIncidentClocks(redis, keys, clocks());
      const sourceIds = await listSourceIds(redis, keys);
      const expired = await expireIncidents(redis, keys, sourceIds, { quietMs, senderQuietMs: senderQuiet(quietMs) });
      if (expired > 0) logEvent(log, 'incidents.expired', { incidents: expired });
    }
    const due = await readDue(redis, keys);
    if (due.changed > 0) await queueEdits(keeper);
    if (due.notices > 0) await queueNotices(keeper, await listUnqueuedNotices(redis, keys, MAX_CHANGED));
    if (isTimed) await repairNotices(keeper);
    if (due.released > 0) await startReleased(keeper);
    if (due.rows > 0) {
      await whileWritingRows(redis, keys, async () => {
        const { rows, count } = await readQueuedRows(redis, keys);
        for (const row of rows) await audit.incidentChanged(row);
        await removeQueuedRows(redis, keys, count);
      });
    }
  } catch (error) {
    // Redis that is away has its own line, and the next turn tries again.
    if (!isRedisAway(error)) logEvent(log, 'incidents.failing', errorFields(error));
  }
}

async function queueEdits({ redis, keys, followups }: IncidentKeeper): Promise<void> {
  for (const { id, priority } of await listChanged(redis, keys, MAX_CHANGED)) {
    await followups.add('update', { incidentId: id }, updateJobOptions(id, priority));
  }
}

/** Adds the jobs of new notices. Adding a job again changes nothing. */
async function queueNotices(keeper: IncidentKeeper, ids: string[]): Promise<void> {
  const { redis, keys, followups } = keeper;
  for (const id of ids) {
    const notice = await readNotice(redis, keys, id);
    if (notice) {
      const name = notice.kind === 'escalation' ? 'escalate' : 'remind';
      await followups.add(name, { noticeId: id }, noticeJobOptions(id));
      await setQueued(redis, keys, id);
    } else await forgetNotice(redis, keys, id);
  }
}

/** Records notices whose job failed while nobody recorded it, and adds jobs again that somebody removed. */
async function repairNotices(keeper: IncidentKeeper): Promise<void> {
  const { redis, keys, followups, now, log } = keeper;
  for (const id of await listPendingNotices(redis, keys, MAX_REPAIRED)) {
    const notice = await readNotice(redis, keys, id);
    if (notice && now() - notice.createdAt < STALE_NOTICE_MS) continue;
    const job = await followups.getJob(id);
    if (!notice || !job) await queueNotices(keeper, [id]);
    else if (await job.isFailed()) await recordDeadNotice({ redis, keys, log }, notice, job.failedReason);
  }
}

/** Records a notice whose job failed for good. */
export async function recordDeadNotice(
  { redis, keys, log }: Pick<IncidentKeeper, 'redis' | 'keys' | 'log'>,
  notice: Pick<Notice, 'id' | 'to'>,
  reason: string,
): Promise<void> {
  const { isFirst } = await endNotice(redis, keys, { notice, outcome: 'dead', failure: reason });
  if (isFirst) logEvent(log, 'notices.dead', { noticeId: notice.id, reason });
}

/** Starts the messages that waited for a hold which is over. One whose worker is still about to delay it is left for the next turn. */
async function startReleased({ redis, keys, deliveries, followups, quietMs }: IncidentKeeper): Promise<void> {
  if (quietMs > 0) await gatherHeld(redis, keys);
  const done: string[] = [];
  for (const jobId of await listHeld(redis, keys, MAX_CHANGED)) {
    const job = (await deliveries.getJob(jobId)) ?? (await followups.getJob(jobId));
    const state = await job?.getState();
    if (state === 'delayed') await job?.promote();
    if (state !== 'active') done.push(jobId);
  }
  await removeHeld(redis, keys, done);
}
