/**
 * Notices: hash `notice:<id>`, kept 35 days. The scripts that change incidents create them. Only this module, its scripts and
 * `lua/lib/notices.lua` know the fields:
 *
 *   incident, kind, opening, to, createdAt    at its creation; `to` is empty for the operator
 *   claimedAt, firstClaimedAt                 the worker, before it posts; removed when the outcome is recorded
 *   thread                                    of a later part of a digest: the message that it replies to
 *   begunAt, isHeld                           of a digest: when its names were read first; whether it waits for the end of a hold
 *   outcome, posted, failure                  the worker, when it ends: sent, withdrawn (not needed any more) or dead
 */
import type { RedisClient } from '../runtime/redis.ts';
import { NOTICE_KINDS, type NoticeKind } from '../wake/notice.ts';
import type { Begun } from './claims.ts';
import { incidentArgs } from './incidents.ts';
import type { Keys } from './keys.ts';
import type { Posted } from './queues.ts';
import { luaScript } from './scripts.ts';
import { parsePosted } from './stored-wake.ts';
import { stormArgs } from './storms.ts';

export type NoticeOutcome = 'sent' | 'withdrawn' | 'dead';

/** A notice, and the reason for it. */
export interface Notice {
  id: string;
  /** Or that of a storm. */
  incidentId: string;
  kind: NoticeKind;
  /** Empty for the operator, `webhook`, or a person's id. */
  to: string;
  /** ms since the epoch. */
  createdAt: number;
  /** The digest in whose thread it is a reply. */
  thread: Posted | undefined;
}

export async function readNotice(redis: RedisClient, keys: Keys, id: string): Promise<Notice | undefined> {
  const fields = await redis.hmget(keys.notice(id), 'incident', 'kind', 'to', 'createdAt', 'thread');
  const [incidentId, stored, to, createdAt, thread] = fields;
  const kind = NOTICE_KINDS.find((each) => each === stored);
  if (!incidentId || !kind) return undefined;
  const posted = parsePosted(thread ?? undefined) ?? undefined;
  return { id, incidentId, kind, to: to ?? '', createdAt: Number(createdAt) || 0, thread: posted };
}

/** The message of a notice that Slack has accepted. Undefined if there is none. */
export async function readPostedNotice(redis: RedisClient, keys: Keys, id: string): Promise<Posted | undefined> {
  return parsePosted((await redis.hget(keys.notice(id), 'posted')) ?? undefined) ?? undefined;
}

/** Ids of notices without an outcome, the oldest first. @param limit maximum number */
export async function listPendingNotices(redis: RedisClient, keys: Keys, limit: number): Promise<string[]> {
  return redis.zrangebyscore(keys.pendingNotices, '-inf', '+inf', 'LIMIT', 0, limit);
}

/** Ids of notices that have no job yet, the oldest first. @param limit maximum number */
export async function listUnqueuedNotices(redis: RedisClient, keys: Keys, limit: number): Promise<string[]> {
  return redis.zrangebyscore(keys.unqueuedNotices, '-inf', '+inf', 'LIMIT', 0, limit);
}

/** Records that a notice has its job. */
export async function setQueued(redis: RedisClient, keys: Keys, id: string): Promise<void> {
  await redis.zrem(keys.unqueuedNotices, id);
}

/** Removes a notice whose record is gone. */
export async function forgetNotice(redis: RedisClient, keys: Keys, id: string): Promise<void> {
  await redis.zrem(keys.pendingNotices, id);
  await redis.zrem(keys.unqueuedNotices, id);
}

/** The state of a notice when it is about to be sent. */
export interface BegunNotice extends Begun {
  isEnded: boolean;
  /** Whether its incident still needs it. It is not claimed otherwise. */
  isWanted: boolean;
  /** End of the hold, or of the snooze, for which it waits, ms since the epoch. It is not claimed then. */
  heldUntil: number | undefined;
  /** The wake whose message it repeats; empty if there is none. */
  wakeId: string;
  areClicksTaken: boolean;
  /** Whether that wake was investigated. It is not claimed before. */
  isReady: boolean;
}

const BEGIN_NOTICE = luaScript('begin-notice');

/** Begins to send a notice, with a claim as for a wake. @param at ms since the epoch */
export async function beginNotice(redis: RedisClient, keys: Keys, id: string, at: number): Promise<BegunNotice> {
  const args = { id, at, incidents: incidentArgs(keys) };
  const answer = await BEGIN_NOTICE(redis, [keys.notice(id), keys.dataLostAt, keys.clicksTaken], args);
  const fields = Array.isArray(answer) ? answer.map(String) : [];
  const [outcome, claimed, first, clock, dataLostAt, held, wanted, wakeId, clicks, ready] = fields;
  return {
    isEnded: Boolean(outcome),
    earlier: claimed ? { claimedAt: Number(claimed), firstClaimedAt: Number(first || claimed) } : undefined,
    clock: Number(clock),
    dataLostAt: Number(dataLostAt),
    heldUntil: Number(held) || undefined,
    isWanted: wanted === '1',
    wakeId: wakeId ?? '',
    areClicksTaken: clicks === '1',
    isReady: ready === '1',
  };
}

const END_NOTICE = luaScript('end-notice');

/**
 * Records the outcome of a notice. The first one is final, unless a person retries it.
 *
 * @returns whether this call recorded it, and the number of wakes that ended together with a digest
 */
export async function endNotice(
  redis: RedisClient,
  keys: Keys,
  end: {
    notice: Pick<Notice, 'id' | 'to'>;
    outcome: NoticeOutcome;
    wakeId?: string;
    posted?: Posted;
    failure?: string;
  },
): Promise<{ isFirst: boolean; wakes: number }> {
  const { notice, outcome, wakeId = '', posted, failure } = end;
  const args = {
    id: notice.id,
    outcome,
    wakeId,
    isOthers: notice.to !== '',
    storms: stormArgs(keys),
    ...(posted && { posted: JSON.stringify(posted) }),
    ...(failure !== undefined && { failure }),
  };
  const answer = await END_NOTICE(redis, [keys.notice(notice.id)], args);
  const [recorded = 0, wakes = 0] = Array.isArray(answer) ? answer.map(Number) : [];
  return { isFirst: recorded === 1, wakes };
}

const REOPEN_NOTICE = luaScript('reopen-notice');

/** Takes back the outcome of a notice that failed for good and is tried again. @param at ms since the epoch */
export async function reopenNotice(redis: RedisClient, keys: Keys, id: string, at: number): Promise<void> {
  await REOPEN_NOTICE(redis, [keys.notice(id)], { id, at, storms: stormArgs(keys) });
}
